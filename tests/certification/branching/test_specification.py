# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""verify_specification against an enumeration of all activation patterns.

Also tests of ``certification/_branching/input_splits.py`` and
``certification/_specification/specification.py``.
"""

from itertools import product

import numpy as np
import pytest
from scipy.optimize import linprog
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklip import FeedForward, Specification, verify_specification
from sklip.certification._branching import specification as module
from sklip.exceptions import UnsupportedModelError
from sklip.networks import random_network


def least_excess(network, case):
    """Least over the box of the largest row of A y - b, by linear programs.

    One for each pattern of signs of a network with one hidden layer of ReLU; over all
    polyhedra the smallest.
    """
    (w, v), (c, d) = network.weights, network.biases
    n, bounds = network.n_inputs, list(zip(case.lower, case.upper, strict=True))
    best = np.inf
    for (matrix, limits), signs in product(
        case.clauses, product((0.0, 1.0), repeat=len(w))
    ):
        s = np.array(signs)
        slope, offset = v @ (s[:, None] * w), v @ (s * c) + d
        # min t  s.t.  A (slope x + offset) - b <= t, and the signs.
        rows = np.hstack([matrix @ slope, -np.ones((len(limits), 1))])
        sides = np.hstack([(1.0 - 2.0 * s)[:, None] * w, np.zeros((len(w), 1))])
        found = linprog(
            [*np.zeros(n), 1.0],
            np.vstack([rows, sides]),
            np.concatenate([limits - matrix @ offset, (2.0 * s - 1.0) * c]),
            bounds=[*bounds, (None, None)],
        )
        if found.status == 0:
            best = min(best, found.fun)
    return best


def random_case(seed, n_inputs):
    rng = np.random.default_rng(seed)
    network = random_network([n_inputs, 5, 3], random_state=seed, gain=2.0)
    lower = rng.normal(size=n_inputs)
    upper = lower + rng.uniform(0.0, 1.5, size=n_inputs)
    clauses = [
        (rng.normal(size=(k, 3)), rng.normal(size=k) - 0.5 * rng.integers(0, 4))
        for k in rng.integers(1, 4, size=rng.integers(1, 4))
    ]
    return network, Specification(lower, upper, clauses)


def split(monkeypatch, what):
    """Boxes of any networks by halving, or by the signs of neurons."""
    monkeypatch.setattr(module, "_FEW_INPUTS", {"inputs": 99, "signs": 0}[what])
    monkeypatch.setattr(module, "_FEW_NEURONS", 0)


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("what", ["inputs", "signs"])
def test_agrees_with_the_enumeration(monkeypatch, seed, what):
    split(monkeypatch, what)
    network, case = random_case(seed, 2 + seed % 2)
    least = least_excess(network, case)
    found = verify_specification(network, case, time_limit=5.0)
    if found.status == "verified":
        assert least > 0.0
        assert 0.0 < found.lower <= least + 1e-9
    if found.status == "falsified":
        outputs = network.forward(found.point[None])
        assert least <= 1e-9
        assert case.is_violated(found.point[None], outputs)[0]
    assert found.status != "unknown" or abs(least) < 1e-6


def test_both_answers_occur():
    statuses = {
        verify_specification(*random_case(seed, 2)).status for seed in range(10)
    }
    assert statuses == {"verified", "falsified"}


def test_rows_are_combined_by_neurons_of_their_own():
    """Each of five rows fails somewhere, their maximum nowhere, and touches zero."""
    rng = np.random.default_rng(0)
    network = random_network([14, 3, 3], random_state=1)
    ends = np.full(14, -0.5), np.full(14, 0.5)
    matrix = rng.normal(size=(5, 3))
    (least,) = (
        least_excess(network, case)
        for case in [Specification(*ends, [(matrix, np.zeros(5))])]
    )
    for shift, status in ((1e-4, "verified"), (-1e-4, "falsified")):
        case = Specification(*ends, [(matrix, np.full(5, least - shift))])
        found = verify_specification(network, case)
        assert found.status == status
        assert status == "falsified" or 0.0 < found.lower <= 1e-4 + 1e-9
        alone = [Specification(*ends, [(matrix[[k]], [least])]) for k in range(5)]
        assert all(least_excess(network, one) < least - 1e-2 for one in alone)
    touched = Specification(*ends, [(matrix, np.full(5, least))])
    assert verify_specification(network, touched).status != "verified"


def test_a_flip_within_rounding_of_one_set_leaves_the_others():
    """y >= 2 of |x| is touched in a float that rounding spares; y <= 0.5 is reached."""
    network = FeedForward([np.ones((1, 13)), [[1.0]]], activation="abs")
    ends = np.full(13, -0.1), np.full(13, 0.1)
    reach = np.nextafter(network.forward(ends[1][None])[0, 0], 2.0)
    touched, reached = ([[-1.0]], [-reach]), ([[1.0]], [0.05])
    case = Specification(*ends, [touched])
    assert verify_specification(network, case).status == "unknown"
    shifted = np.full(13, -0.09), ends[1]
    case = Specification(*shifted, [touched, reached])
    found = verify_specification(network, case)
    assert found.status == "falsified"


def test_what_cannot_be_halved_is_given_up_at_once():
    """In the one float of a box, or all of them, the output is zero up to rounding."""
    network = FeedForward([[[0.1, 0.2]]], [[-0.3]])
    x = np.ones(2)
    value = network.forward(x[None])[0]
    below = Specification(x, x, [([[1.0]], np.nextafter(value, -1.0))])
    found = verify_specification(network, below, time_limit=60.0)
    assert found.status == "unknown" and found.n_parts == 1
    assert -1e-14 < found.lower <= 0.0
    two = x, np.nextafter(x, 2.0)
    below = Specification(*two, [([[1.0]], value - 1e-16)])
    found = verify_specification(network, below, time_limit=60.0)
    assert found.status == "unknown" and found.n_parts <= 7


@pytest.mark.parametrize("what", ["inputs", "signs"])
def test_a_set_that_is_touched_is_never_verified(monkeypatch, what):
    split(monkeypatch, what)
    absolute = FeedForward([[[1.0], [-1.0]], [[1.0, 1.0]]])
    touched = Specification([-1.0], [2.0], [([[-1.0]], [-2.0])])
    assert verify_specification(absolute, touched, time_limit=1.0).status != "verified"
    below = Specification([-1.0], [2.0], [([[-1.0]], [-2.0 - 1e-9])])
    assert verify_specification(absolute, below, time_limit=1.0).status == "verified"
    bottom = Specification([-1.0], [2.0], [([[1.0]], [0.0])])
    assert verify_specification(absolute, bottom, time_limit=1.0).status != "verified"


def test_limits_of_an_output_of_any_activation():
    network = random_network([2, 8, 1], activation="tanh", random_state=0)
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, 101)] * 2), axis=-1).reshape(-1, 2)
    reached = network.forward(grid).max()
    ends = [-1.0, -1.0], [1.0, 1.0]
    wide = Specification.output_between(*ends, -np.inf, reached + 0.05)
    assert verify_specification(network, wide).status == "verified"
    narrow = Specification.output_between(*ends, -np.inf, reached - 0.01)
    assert verify_specification(network, narrow).status == "falsified"


def test_several_boxes(monkeypatch):
    network = FeedForward([[[1.0]]])
    safe = Specification([0.0], [1.0], [([[-1.0]], [-2.0])])
    unsafe = Specification([3.0], [4.0], [([[-1.0]], [-3.5])])
    both = Specification(safe.lower, safe.upper, safe.clauses, [unsafe])
    assert verify_specification(network, safe).lower == pytest.approx(1.0)
    found = verify_specification(network, both)
    assert found.status == "falsified" and 3.5 <= found.point[0] <= 4.0


def test_a_polyhedron_without_rows_is_everything():
    everything = Specification([0.0], [1.0], [(np.zeros((0, 1)), [])])
    assert (
        verify_specification(FeedForward([[[1.0]]]), everything).status == "falsified"
    )


def test_time_is_kept_and_what_is_known_is_told():
    network = random_network([6, 64, 64, 1], random_state=0, gain=2.0)
    outputs = network.forward(np.random.default_rng(0).uniform(-3, 3, (20_000, 6)))
    spec = Specification.output_between(
        [-3.0] * 6, [3.0] * 6, -np.inf, 1.5 * outputs.max()
    )
    found = verify_specification(network, spec, time_limit=0.05)
    assert found.status == "unknown" and found.n_parts > 0
    assert -np.inf < found.lower <= 0.0
    longer = verify_specification(network, spec, time_limit=0.5)
    assert 0.05 <= found.seconds < longer.seconds
    assert longer.lower >= found.lower


def test_a_pipeline_of_numeric_columns_in_its_own_units():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 2)) * [1.0, 100.0]
    model = make_pipeline(StandardScaler(), LinearRegression()).fit(X, X @ [1.0, 0.01])
    case = Specification.output_between([0.0, 0.0], [1.0, 100.0], -0.1, 2.1)
    assert verify_specification(model, case).status == "verified"
    case = Specification.output_between([0.0, 0.0], [1.0, 100.0], -0.1, 1.9)
    found = verify_specification(model, case)
    assert found.status == "falsified" and model.predict([found.point])[0] >= 1.9


def test_what_does_not_fit_is_refused():
    network, case = random_case(0, 2)
    with pytest.raises(ValueError, match="2 inputs, the model 3"):
        verify_specification(random_network([3, 2, 3]), case)
    with pytest.raises(TypeError, match="specification must be"):
        verify_specification(network, "prop.vnnlib")
    with pytest.raises(ValueError, match="time_limit"):
        verify_specification(network, case, time_limit=0)
    X = np.array([["a"], ["b"]] * 5)
    model = make_pipeline(OneHotEncoder(), LinearRegression()).fit(X, np.arange(10.0))
    with pytest.raises(UnsupportedModelError, match="numeric columns"):
        verify_specification(model, Specification([0.0], [1.0], [([[1.0]], [0.0])]))


@pytest.mark.parametrize("seed", range(6))
def test_signs_and_inputs_give_the_same_answers(monkeypatch, seed):
    network = random_network([3, 6, 6, 2], random_state=seed)
    lower = np.full(3, 0.1 * seed)
    case = Specification(lower, lower + 0.3, [([[1.0, -1.0]], [0.05 * seed])])
    statuses = []
    for what in ("inputs", "signs"):
        split(monkeypatch, what)
        statuses.append(verify_specification(network, case).status)
    assert statuses[0] == statuses[1] != "unknown"


def test_a_point_is_a_box():
    """Safe by the margin of the one output that it has, or unsafe there."""
    network = random_network([2, 3, 1], random_state=0)
    x = np.array([0.3, -0.7])
    y = network.forward(x[None])[0]
    safe = verify_specification(network, Specification(x, x, [([[1.0]], y - 0.5)]))
    assert safe.status == "verified" and safe.lower == pytest.approx(0.5)
    found = verify_specification(network, Specification(x, x, [([[1.0]], y + 0.5)]))
    assert found.status == "falsified"
    np.testing.assert_array_equal(found.point, x)
