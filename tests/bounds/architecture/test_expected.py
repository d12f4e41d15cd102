# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Formulas of paper 000: as printed, as corrected, and what they say of networks."""

from functools import cache

import numpy as np
import pytest

from sklip import (
    ADMMLipschitzMLPClassifier,
    ADMMLipschitzMLPRegressor,
    LipschitzRegularizedMLPClassifier,
    LipschitzRegularizedMLPRegressor,
    NoiseLipschitzClassifier,
    NoiseLipschitzRegressor,
    certified_accuracy_curve,
    certified_accuracy_score,
    certified_interval,
    certified_radius,
    make_certified_accuracy_scorer,
)
from sklip.bounds import (
    as_proven_bound,
    expected_lipschitz,
    jacobian_variance,
    measured_gain,
)
from sklip.networks import FeedForward, list_activations, random_network

METHODS = ("free", "corrected", "paper")
ADMM = {"lipschitz_bound": 1e6, "max_admm_iter": 2, "multipliers": "layer"}


def mnist_sizes(depth, width):
    return [784] + [width] * (depth - 1) + [10]


def measured_norm(sizes, gain, n_draws=10):
    """Mean norm of the Jacobians of ReLU networks: of a power of the gain."""
    return gain ** (len(sizes) - 1) * _measured_norm(tuple(sizes), n_draws)


@cache
def _measured_norm(sizes, n_draws):
    rng = np.random.default_rng(0)
    norms = []
    for seed in range(n_draws):
        network = random_network(sizes, random_state=seed)
        jacobians = network.jacobian(rng.standard_normal((5, sizes[0])))
        norms.append(np.linalg.norm(jacobians, 2, axis=(1, 2)).mean())
    return np.mean(norms)


@pytest.mark.parametrize("depth", [2, 3, 5, 8])
@pytest.mark.parametrize("width", [40, 128, 1000])
@pytest.mark.parametrize("gain", [0.5, 1.0, 2.0])
def test_paper_is_the_printed_formula(depth, width, gain):
    n, m, d, q = 784, 10, width, 0.5
    printed = (
        2.0
        * np.sqrt(d)
        / np.sqrt((d + n) * (d + m))
        * gain**depth
        * q ** (depth - 1)
        * (np.sqrt(n) + np.sqrt(m))
    )
    sizes = mnist_sizes(depth, width)
    found = expected_lipschitz(sizes, gain=gain, method="paper")
    assert float(found) == pytest.approx(printed, rel=1e-12)
    variance = jacobian_variance(sizes, gain=gain, method="paper")
    assert variance * (np.sqrt(n) + np.sqrt(m)) ** 2 == pytest.approx(
        printed**2, rel=1e-12, abs=0
    )


def test_paper_uses_the_variance_of_the_slope():
    # tanh: VAR[1 - tanh(z)^2], z standard normal, by plain sampling.
    z = np.random.default_rng(0).standard_normal(400000)
    q2 = np.var(1.0 - np.tanh(z) ** 2)
    ratio = jacobian_variance(
        [20, 50, 50, 10], activation="tanh", method="paper"
    ) / jacobian_variance([20, 50, 10], activation="tanh", method="paper")
    assert ratio == pytest.approx(q2, rel=0.01)
    # With identity it claims a constant function (A14).
    assert jacobian_variance([20, 50, 10], activation="identity", method="paper") == 0.0
    assert (
        float(expected_lipschitz([20, 50, 10], activation="identity", method="paper"))
        == 0.0
    )


@pytest.mark.parametrize("sizes", [[784, 10], [784, 128, 64, 10]])
def test_paper_is_silent_about_other_shapes(sizes):
    for function in (expected_lipschitz, jacobian_variance):
        with pytest.raises(ValueError, match="one hidden width"):
            function(sizes, method="paper")


@pytest.mark.parametrize(
    "sizes", [[30, 20], [20, 50, 10], [20, 50, 50, 10], [30, 15, 60, 25, 12]]
)
@pytest.mark.parametrize("activation", ["relu", "identity", "leaky_relu(0.2)"])
def test_corrected_variance_is_the_measured_one(sizes, activation):
    # The mean square over many draws has a relative error of about 1 %.
    rng = np.random.default_rng(0)
    squares = []
    for seed in range(2000):
        network = random_network(
            sizes, gain=1.3, activation=activation, random_state=seed
        )
        squares.append(
            np.mean(network.jacobian(rng.standard_normal((1, sizes[0]))) ** 2)
        )
    error = np.std(squares) / np.sqrt(len(squares)) / np.mean(squares)
    assert error < 0.02
    variance = jacobian_variance(sizes, gain=1.3, activation=activation)
    assert variance == pytest.approx(np.mean(squares), rel=0.03)


@pytest.mark.parametrize("activation", ["tanh", "logistic", "gelu", "softplus"])
def test_corrected_variance_of_smooth_activations(activation):
    sizes = [100, 400, 400, 50]
    rng = np.random.default_rng(0)
    squares = []
    for seed in range(60):
        network = random_network(
            sizes, gain=1.3, activation=activation, random_state=seed
        )
        X = 2.0 * rng.standard_normal((2, sizes[0]))
        squares.append(np.mean(network.jacobian(X) ** 2))
    variance = jacobian_variance(sizes, gain=1.3, activation=activation, input_rms=2.0)
    assert variance == pytest.approx(np.mean(squares), rel=0.03)


@pytest.mark.parametrize("depth", [2, 4, 8])
@pytest.mark.parametrize("width, gain", [(128, 0.5), (256, 1.0), (256, 2.0)])
def test_free_is_near_the_measured_norm(depth, width, gain):
    sizes = mnist_sizes(depth, width)
    found = float(expected_lipschitz(sizes, gain=gain))
    assert found == pytest.approx(measured_norm(sizes, gain), rel=0.12)


@pytest.mark.slow
@pytest.mark.parametrize("gain", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("depth", range(2, 9))
@pytest.mark.parametrize("width", [32, 64, 128, 256, 512, 1024])
def test_free_over_the_whole_range(depth, width, gain):
    sizes = mnist_sizes(depth, width)
    n_draws = 60 if width < 128 else 20
    found = float(expected_lipschitz(sizes, gain=gain))
    assert found == pytest.approx(measured_norm(sizes, gain, n_draws=n_draws), rel=0.2)


def test_printed_formula_misses_what_it_claims_to_match():
    # Fig 2a: alpha = 2, d = 256. As printed, constant in depth; measured, growing.
    printed = [
        float(expected_lipschitz(mnist_sizes(k, 256), gain=2.0, method="paper"))
        for k in (2, 8)
    ]
    assert printed[0] == pytest.approx(printed[1], rel=1e-12)
    assert measured_norm(mnist_sizes(8, 256), 2.0) > 5 * printed[1]


# --- section 3.6: three claims ------------------------------------------------------


@pytest.mark.parametrize("method, q", [("paper", 0.5), ("corrected", np.sqrt(0.5))])
@pytest.mark.parametrize("product", [0.8, 1.25])
def test_depth_raises_the_norm_if_gain_times_q_exceeds_one(method, q, product):
    values = [
        float(expected_lipschitz(mnist_sizes(k, 256), gain=product / q, method=method))
        for k in range(2, 9)
    ]
    ratios = np.divide(values[1:], values[:-1])
    assert np.allclose(ratios, product, rtol=1e-12)


def test_depth_changes_nothing_in_the_formula_at_gain_times_q_one():
    q = np.sqrt(0.5)
    values = [
        float(expected_lipschitz(mnist_sizes(k, 256), gain=1 / q, method="corrected"))
        for k in range(2, 9)
    ]
    assert np.allclose(values, values[0], rtol=1e-12)
    # The true norm still grows there: entries of J are not independent (A16).
    free = [
        float(expected_lipschitz(mnist_sizes(k, 256), gain=1 / q)) for k in range(2, 9)
    ]
    assert np.all(np.diff(free) > 0)
    assert measured_norm(mnist_sizes(8, 256), 1 / q) > 1.2 * measured_norm(
        mnist_sizes(2, 256), 1 / q
    )


@pytest.mark.parametrize("method", ["paper", "corrected"])
def test_width_lowers_the_norm_only_beyond_root_n_m(method):
    def value(width):
        return float(expected_lipschitz(mnist_sizes(2, width), method=method))

    turn = np.sqrt(784 * 10)
    below = [value(d) for d in range(10, int(turn), 10)]
    above = [value(d) for d in range(int(turn) + 2, 1200, 50)]
    assert np.all(np.diff(below) > 0)
    assert np.all(np.diff(above) < 0)


def test_the_norm_itself_turns_much_earlier():
    # Few units leave few directions, so the norm's share of the variance is larger
    # there: it rises up to about 16 units only, and "free" knows.
    widths = (2, 6, 16, 90, 300, 1024)
    measured = [measured_norm([784, d, 10], 1.0, n_draws=60) for d in widths]
    free = [float(expected_lipschitz([784, d, 10])) for d in widths]
    for values in (measured, free):
        assert values[0] < values[1] < values[2]
        assert values[2] > values[3] > values[4] > values[5]


@pytest.mark.parametrize("method", METHODS)
def test_gain_scales_a_relu_network_by_its_power(method):
    sizes = mnist_sizes(4, 256)
    one, two = (
        float(expected_lipschitz(sizes, gain=g, method=method)) for g in (1.0, 2.0)
    )
    assert two / one == pytest.approx(2.0**4, rel=1e-9)


@pytest.mark.parametrize("method", ["free", "corrected"])
@pytest.mark.parametrize("activation", ["tanh", "gelu", "softplus"])
def test_gain_raises_the_norm_at_the_start(method, activation):
    sizes = mnist_sizes(3, 128)
    values = [
        float(expected_lipschitz(sizes, gain=g, activation=activation, method=method))
        for g in (0.3, 0.6, 0.9)
    ]
    assert values == sorted(values)


# --- interface ----------------------------------------------------------------------


@pytest.mark.parametrize("method", ["free", "corrected"])
def test_one_gain_a_layer(method):
    sizes = [30, 40, 20]
    together = float(expected_lipschitz(sizes, gain=[2.0, 0.5], method=method))
    assert together == pytest.approx(
        float(expected_lipschitz(sizes, gain=1.0, method=method))
    )
    assert float(expected_lipschitz(sizes, gain=[2.0], method=method)) == pytest.approx(
        float(expected_lipschitz(sizes, gain=2.0, method=method))
    )


@pytest.mark.parametrize("activation", list_activations())
@pytest.mark.parametrize("method", METHODS)
def test_every_activation_has_an_estimate(activation, method):
    estimate = expected_lipschitz([30, 20, 20, 5], activation=activation, method=method)
    assert estimate.kind == "estimate"
    assert estimate.method == method
    assert np.isfinite(float(estimate))
    assert float(estimate) > 0.0 or (activation, method) == ("identity", "paper")


def test_mixed_activations_and_a_flat_one():
    sizes = [30, 20, 20, 5]
    mixed = expected_lipschitz(sizes, activation=["relu", "tanh"])
    assert (
        0.0
        < float(mixed)
        < float(expected_lipschitz(sizes, activation=["identity", "identity"]))
    )
    # A deep saturated network: steps, not slopes, but still a number.
    steep = expected_lipschitz([30] + [20] * 30 + [5], gain=50.0, activation="tanh")
    assert np.isfinite(float(steep))


@pytest.mark.parametrize("method", METHODS)
def test_an_estimate_never_becomes_a_radius(method):
    network = random_network([5, 8, 3], random_state=0)
    estimate = expected_lipschitz(network.layer_sizes, method=method)
    with pytest.raises(TypeError, match="proves no upper bound"):
        as_proven_bound(estimate)
    X, y = np.zeros((1, 5)), [0]
    with pytest.raises(TypeError, match="proves no upper bound"):
        certified_radius(network, X, method=estimate)
    with pytest.raises(TypeError, match="proves no upper bound"):
        certified_accuracy_score(network, X, y, radius=0.1, method=estimate)
    with pytest.raises(TypeError, match="proves no upper bound"):
        certified_accuracy_curve(network, X, y, [0.1], method=estimate)
    with pytest.raises(TypeError, match="proves no upper bound"):
        make_certified_accuracy_scorer(radius=0.1, method=estimate)(network, X, y)
    one_output = random_network([5, 8, 1], random_state=0)
    with pytest.raises(ValueError, match="method must be one of"):
        certified_interval(one_output, X, radius=0.1, method=estimate)


@pytest.mark.parametrize(
    "arguments, said",
    [
        ({"layer_sizes": [5]}, "layer_sizes"),
        ({"layer_sizes": [5, 0, 2]}, "layer_sizes"),
        ({"layer_sizes": [5, 2.5]}, "layer_sizes"),
        ({"layer_sizes": [5, 4, 2], "gain": -1.0}, "gain"),
        ({"layer_sizes": [5, 4, 2], "gain": [1.0, 1.0, 1.0]}, "gain"),
        ({"layer_sizes": [5, 4, 2], "gain": np.nan}, "gain"),
        ({"layer_sizes": [5, 4, 2], "activation": "sine"}, "Unknown activation"),
        ({"layer_sizes": [5, 4, 2], "activation": ["relu", "relu"]}, "activation"),
        ({"layer_sizes": [5, 4, 2], "method": "exact"}, "method"),
        ({"layer_sizes": [5, 4, 2], "input_rms": 0.0}, "input_rms"),
    ],
)
def test_bad_arguments_are_named(arguments, said):
    with pytest.raises(ValueError, match=said):
        expected_lipschitz(**arguments)


# --- measured gain ------------------------------------------------------------------


def test_measured_gain_inverts_the_initialisation():
    network = random_network([300, 400, 400, 100], gain=0.7, random_state=0)
    assert np.allclose(measured_gain(network), 0.7, rtol=0.01)


def test_measured_gain_is_exact_and_per_layer():
    first, second = 3.0 * np.ones((6, 2)), np.ones((1, 6))
    gains = measured_gain(FeedForward([first, second]))
    assert np.allclose(gains, [3.0 * np.sqrt(4.0), np.sqrt(3.5)])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("gain", [0.3, 3.0])
@pytest.mark.parametrize(
    "estimator, parameters",
    [
        (LipschitzRegularizedMLPClassifier, {}),
        (LipschitzRegularizedMLPRegressor, {}),
        # A bound that no weights of this size reach, so that nothing is projected.
        (ADMMLipschitzMLPClassifier, ADMM),
        (ADMMLipschitzMLPRegressor, ADMM),
        (NoiseLipschitzClassifier, {}),
        (NoiseLipschitzRegressor, {}),
    ],
)
def test_init_gain_reaches_the_weights(estimator, parameters, gain):
    X = np.random.default_rng(0).standard_normal((20, 200))
    y = np.arange(20) % 2
    model = estimator(
        (100,),
        init_gain=gain,
        solver="sgd",
        learning_rate_init=1e-9,
        max_iter=1,
        tol=0,
        certificate="sequential",
        random_state=0,
        **parameters,
    ).fit(X, y)
    assert measured_gain(model)[0] == pytest.approx(gain, rel=0.02)


def test_estimate_from_measured_gains_of_an_untrained_network():
    network = random_network([784, 256, 256, 10], gain=1.4, random_state=0)
    by_gain = expected_lipschitz([784, 256, 256, 10], gain=1.4)
    measured = expected_lipschitz(network.layer_sizes, gain=measured_gain(network))
    assert float(measured) == pytest.approx(float(by_gain), rel=0.03)
