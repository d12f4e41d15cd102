# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The frozen network: forward pass, Jacobian, hash, maps and what it refuses.

Also tests of ``networks/_evaluation.py``.
"""

import copy
import pickle

import numpy as np
import pytest
from scipy import sparse

from sklip.networks import FeedForward, get_activation, list_activations, random_network
from sklip.networks._evaluation import _BLOCK_ROWS

ACTIVATIONS = [*list_activations(), ("tanh", "relu"), ("identity", "gelu")]


def biased_network(sizes, activation, seed=0):
    rng = np.random.default_rng(seed)
    net = random_network(sizes, activation=activation, gain=1.5, random_state=seed)
    biases = [rng.normal(size=len(w)) for w in net.weights]
    return FeedForward(net.weights, biases, activation)


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_forward_is_the_plain_loop(activation):
    net = biased_network([5, 7, 6, 3], activation)
    X = np.random.default_rng(1).normal(size=(40, 5))
    a = X
    for k, (w, b) in enumerate(zip(net.weights, net.biases, strict=True)):
        a = np.array([w @ row + b for row in a])
        if k < 2:
            a = get_activation(net.activation[k]).function(a)
    np.testing.assert_allclose(net.forward(X), a, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("n", [0, 1, _BLOCK_ROWS, _BLOCK_ROWS + 1, 3 * _BLOCK_ROWS - 1])
def test_blocks_do_not_show(n):
    net = biased_network([4, 9, 2], "gelu")
    X = np.random.default_rng(0).normal(size=(n, 4))
    rows = [net.forward(X[i : i + 1]) for i in range(n)]
    expected = np.concatenate(rows) if n else np.empty((0, 2))
    X_before = X.copy()
    np.testing.assert_allclose(net.forward(X), expected, rtol=1e-13, atol=1e-14)
    np.testing.assert_array_equal(X, X_before)
    assert net.jacobian(X).shape == (n, 2, 4)


def test_linear_network_takes_any_numeric_type():
    net = FeedForward([[[1.0, 2.0]]], [[3.0]])
    for X in ([[1, 2]], np.array([[1, 2]], dtype=object), np.float32([[1, 2]])):
        outputs = net.forward(X)
        assert outputs.dtype == np.float64
        np.testing.assert_array_equal(outputs, [[8.0]])
    np.testing.assert_array_equal(net.jacobian([[1, 2], [0, 0]]), [[[1, 2]]] * 2)
    assert net.activation == ()
    assert repr(net) == "FeedForward(2-1, linear)"


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_jacobian_matches_finite_differences(activation):
    net = biased_network([4, 8, 7, 3], activation)
    X, h = np.random.default_rng(2).normal(size=(30, 4)), 1e-6
    numeric = np.stack(
        [
            (net.forward(X + h * e) - net.forward(X - h * e)) / (2 * h)
            for e in np.eye(4)
        ],
        axis=2,
    )
    np.testing.assert_allclose(net.jacobian(X), numeric, atol=1e-7)


def test_hash_changes_with_the_last_bit_of_anything():
    net = biased_network([3, 4, 2], "relu")
    same = FeedForward([w.copy() for w in net.weights], net.biases, "relu")
    assert same.hash == net.hash
    hashes = {net.hash, FeedForward(net.weights, net.biases, "tanh").hash}
    for arrays in ("weights", "biases"):
        for k in range(2):
            changed = {"weights": list(net.weights), "biases": list(net.biases)}
            array = changed[arrays][k].copy()
            array.flat[-1] = np.nextafter(array.flat[-1], np.inf)
            changed[arrays][k] = array
            hashes.add(FeedForward(**changed, activation="relu").hash)
    assert len(hashes) == 6
    assert FeedForward([np.zeros((2, 3))]).hash != FeedForward([np.zeros((3, 2))]).hash


def test_network_cannot_be_changed():
    w = np.ones((2, 3))
    net = FeedForward([w, np.ones((1, 2))])
    w[0, 0] = 5.0
    assert net.weights[0][0, 0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        net.weights[0][0, 0] = 2.0
    with pytest.raises(ValueError, match="read-only"):
        net.biases[1][0] = 2.0
    for array in (*net.weights, *net.biases):
        with pytest.raises(ValueError, match="cannot set WRITEABLE"):
            array.flags.writeable = True
    with pytest.raises(AttributeError):
        net.weights = ()


@pytest.mark.parametrize(
    "clone", [copy.deepcopy, lambda a: pickle.loads(pickle.dumps(a))]
)
def test_copies_are_equal_and_frozen(clone):
    net = biased_network([3, 4, 2], "leaky_relu(0.3)")
    before = net.hash
    other = clone(net)
    assert other.hash == before
    assert other.activation == net.activation
    assert not any(a.flags.writeable for a in (*other.weights, *other.biases))


def test_input_and_output_maps_compose():
    net = biased_network([4, 6, 3], "silu")
    rng = np.random.default_rng(3)
    A, c = rng.normal(size=(4, 5)), rng.normal(size=4)
    C, d = rng.normal(size=(2, 3)), rng.normal(size=2)
    U = rng.normal(size=(20, 5))
    expected = net.forward(U @ A.T + c) @ C.T + d
    for matrix in (A, sparse.csr_array(A)):
        both = net.with_input_map(matrix, c).with_output_map(C, d)
        np.testing.assert_allclose(both.forward(U), expected, atol=1e-13)
    plain = net.with_input_map(A).with_output_map(C)
    np.testing.assert_allclose(plain.forward(U), net.forward(U @ A.T) @ C.T, atol=1e-13)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (([],), "at least one"),
        (([np.ones(3)],), "2 axes"),
        (([np.ones((2, 3)), np.ones((1, 3))],), r"weights\[1\] takes 3 inputs"),
        (([np.ones((2, 3))], [np.ones(3)]), r"biases\[0\] has 3"),
        (([np.ones((2, 3))], []), "each of the 1 weights"),
        (([np.array([[np.nan]])],), "NaN or infinity"),
        (([np.ones((1, 1))], [[np.inf]]), "NaN or infinity"),
        (([np.ones((2, 2)), np.ones((1, 2))], None, "softmax"), "Unknown activation"),
        (([np.ones((2, 2)), np.ones((1, 2))], None, ["relu"] * 2), "names 2 layers"),
    ],
)
def test_bad_networks_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        FeedForward(*arguments)


@pytest.mark.parametrize("X", [np.ones(3), np.ones((2, 4)), np.ones((1, 3, 1))])
def test_bad_inputs_are_refused(X):
    net = FeedForward([np.ones((2, 3))])
    with pytest.raises(ValueError, match=r"shape \(n_samples, 3\)"):
        net.forward(X)
    with pytest.raises(ValueError, match=r"shape \(n_samples, 3\)"):
        net.jacobian(X)


def test_random_network_has_xavier_variance():
    net = random_network([300, 200, 100], gain=2.0, random_state=0, activation="tanh")
    for w, n in zip(net.weights, (500, 300), strict=True):
        assert np.isclose(w.var(), 2 * 4.0 / n, rtol=0.03)
        assert abs(w.mean()) < 4 * w.std() / np.sqrt(w.size)
    assert not any(b.any() for b in net.biases)
    again = random_network([300, 200, 100], gain=2.0, random_state=0, activation="tanh")
    assert again.hash == net.hash


@pytest.mark.parametrize(
    "arguments", [{"layer_sizes": [3]}, {"layer_sizes": [3, 0]}, {"gain": 0.0}]
)
def test_random_network_refuses_nonsense(arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        random_network(**{"layer_sizes": [3, 2], **arguments})


def test_a_subclass_is_refused_where_it_is_written():
    """It could compute something else than what its weights prove."""
    with pytest.raises(TypeError, match="FeedForward cannot be subclassed"):
        type("Steeper", (FeedForward,), {"forward": lambda self, x: 50.0 * x})
