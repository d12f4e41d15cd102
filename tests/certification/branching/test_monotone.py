# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Monotone outputs against all patterns of signs (also bounds._propagation.rates).

Also tests of ``bounds/_propagation/rates.py`` and
``certification/_branching/box_queue.py``.
"""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import LinearRegression
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklip import FeedForward, Specification, verify_specification
from sklip.bounds import Boxes, Propagation, hidden_bounds, lower_rates
from sklip.networks import random_network

SMOOTH = ["tanh", "softplus", "gelu", "elu"]


def least_slope(network, question):
    """Least slope of an output of a network with one hidden layer of ReLU.

    Over the patterns of signs whose cell has an inside in the box, by linear programs.
    """
    (w, v), (c, _) = network.weights, network.biases
    bounds = [*zip(question.lower, question.upper, strict=True), (None, None)]
    best = np.inf
    for pattern in product((0.0, 1.0), repeat=len(w)):
        s = np.array(pattern)
        sides = (1.0 - 2.0 * s)[:, None] * w
        found = linprog(
            [*np.zeros(network.n_inputs), -1.0],
            np.hstack([sides, np.ones((len(w), 1))]),
            (2.0 * s - 1.0) * c,
            bounds=bounds,
        )
        if found.status == 0 and -found.fun > 1e-9:
            slope = (v @ (s[:, None] * w))[question.output, question.feature]
            best = min(best, slope if question.increasing else -slope)
    return best


def random_question(seed, activation="relu", layers=(5,)):
    rng = np.random.default_rng(seed)
    n = 2 + seed % 2
    sizes = [n, *layers, 2]
    network = random_network(sizes, activation=activation, random_state=seed, gain=1.5)
    lower = rng.normal(size=n)
    question = Specification.monotone(
        lower,
        lower + rng.uniform(0.1, 1.0, size=n),
        seed % n,
        increasing=bool(seed % 3),
        output=seed % 2,
        n_outputs=2,
    )
    return network, question


def steepest_fall(network, question, n=4000):
    """Least slope seen between near pairs of inputs."""
    rng = np.random.default_rng(0)
    width = question.upper - question.lower
    low = question.lower + rng.uniform(size=(n, len(width))) * width
    high = low.copy()
    j = question.feature
    high[:, j] = np.minimum(low[:, j] + 1e-4, question.upper[j])
    step = (high - low)[:, j]
    rise = (network.forward(high) - network.forward(low))[:, question.output]
    found = (rise / np.maximum(step, 1e-300))[step > 5e-5]
    return found.min() if question.increasing else -found.max()


def assert_contradicts(network, question, point):
    low, high = point
    rest = np.arange(len(low)) != question.feature
    assert low[question.feature] < high[question.feature]
    np.testing.assert_array_equal(low[rest], high[rest])
    assert np.all((point >= question.lower) & (point <= question.upper))
    first, second = network.forward(point)[:, question.output]
    assert second < first if question.increasing else second > first


@pytest.mark.parametrize("seed", range(20))
def test_agrees_with_the_enumeration(seed):
    network, question = random_question(seed)
    least = least_slope(network, question)
    found = verify_specification(network, question)
    assert found.status == ("verified" if least >= 0.0 else "falsified")
    if found.status == "verified":
        assert 0.0 <= found.lower <= least + 1e-12
    else:
        assert_contradicts(network, question, found.point)


@pytest.mark.parametrize("activation", [*SMOOTH, "abs", "leaky_relu"])
def test_deep_networks_of_any_activation(activation):
    statuses = set()
    for seed in range(6):
        network, question = random_question(seed, activation, (6, 5))
        found = verify_specification(network, question)
        statuses.add(found.status)
        if found.status == "verified":
            assert found.lower <= steepest_fall(network, question) + 1e-6
        else:
            assert_contradicts(network, question, found.point)
    assert statuses == {"verified", "falsified"}


@pytest.mark.parametrize("activation", ["relu", *SMOOTH])
def test_rates_are_below_the_slopes_of_any_point(activation):
    network, question = random_question(4, activation, (6, 6))
    propagation = Propagation(network, np.inf)
    tensor = propagation.tensor
    ends = (tensor(end.copy())[None] for end in (question.lower, question.upper))
    boxes = Boxes.between(*ends)
    bounds = hidden_bounds(propagation, boxes, "crown")
    (w, *_, v), j = network.weights, question.feature
    column = tensor(w[:, j].copy())

    def rates(row, relative=0.0, off=0.0, ends=(column, column)):
        row = tensor(row), relative, tensor(np.full(len(row), off))
        lower, losses = lower_rates(propagation, bounds, row, ends, 0)
        assert len(losses) == 2
        return float(lower)

    for side in (1.0, -1.0):
        row = side * v[question.output]
        lower = rates(row)
        asked = Specification.monotone(
            question.lower,
            question.upper,
            j,
            increasing=side > 0,
            output=question.output,
            n_outputs=2,
        )
        assert -np.inf < lower <= steepest_fall(network, asked) + 1e-6
        # What is not known exactly costs what it may.
        assert rates(row, off=0.1) < lower and rates(row, 0.1) < lower
        ends = column - 0.1, column + 0.1
        assert rates(row, ends=ends) < min(rates(row, ends=(e, e)) for e in ends)


@pytest.mark.parametrize("activation", ["relu", "tanh", "softplus"])
def test_weights_that_are_not_negative_need_no_split(activation):
    network = random_network([3, 8, 8, 1], activation=activation, random_state=0)
    weights = [abs(w) for w in network.weights]
    # Some units are dead, so that the slope is 0 and any rounding would be too much.
    network = FeedForward(weights, [b - 1.0 for b in network.biases], activation)
    question = Specification.monotone([-30.0] * 3, [30.0] * 3, 1)
    found = verify_specification(network, question)
    assert found.status == "verified" and found.n_parts == 1 and found.lower >= 0.0
    down = Specification.monotone([-30.0] * 3, [30.0] * 3, 1, increasing=False)
    assert verify_specification(network, down).status == "falsified"


def test_a_constant_rises_and_falls():
    network = FeedForward([[[0.0, 1.0]], [[1.0]]], activation="relu")
    for increasing in (True, False):
        question = Specification.monotone([-1, -1], [1, 1], 0, increasing=increasing)
        assert verify_specification(network, question).status == "verified"


@pytest.mark.parametrize("slope", [1e-9, -1e-9])
def test_the_sign_of_a_tiny_slope_is_seen_through_a_pipeline(slope):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2)) * [1.0, 1e3]
    model = make_pipeline(StandardScaler(), LinearRegression())
    model.fit(X, X @ [1.0, slope])
    question = Specification.monotone([0.0, 0.0], [1.0, 1e3], 1)
    found = verify_specification(model, question)
    assert found.status == ("verified" if slope > 0.0 else "falsified")
    assert found.lower == pytest.approx(slope, rel=1e-5, abs=0) or slope < 0.0


def test_columns_by_name_in_the_units_of_the_user():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.uniform(size=(80, 2)) * [1.0, 100.0], columns=["dose", "age"])
    y = 10.0 * np.tanh(3.0 * X["dose"]) - 0.1 * X["age"]
    mlp = MLPRegressor(
        hidden_layer_sizes=(12,), max_iter=2000, solver="lbfgs", random_state=0
    )
    model = TransformedTargetRegressor(
        make_pipeline(StandardScaler(), mlp), transformer=StandardScaler()
    ).fit(X, y)
    ends = [0.2, 20.0], [0.6, 60.0]
    rises = verify_specification(model, Specification.monotone(*ends, "dose"))
    assert rises.status == "verified"
    falls = Specification.monotone(*ends, "age", increasing=False)
    assert verify_specification(model, falls).status == "verified"
    found = verify_specification(model, Specification.monotone(*ends, "age"))
    low, high = model.predict(pd.DataFrame(found.point, columns=X.columns))
    assert high < low
    assert (low - high) / (found.point[1, 1] - found.point[0, 1]) < 1.0


def test_time_is_kept_and_what_is_known_is_told():
    network = random_network([6, 40, 40, 1], activation="tanh", random_state=0)
    steep = FeedForward(
        [np.vstack([w, [3.0, *np.zeros(5)]]) for w in network.weights[:1]]
        + [np.eye(41)[40:], [[1.0]]],
        activation=["tanh", "identity"],
    )
    question = Specification.monotone([-0.1] * 6, [0.1] * 6, 0)
    assert verify_specification(steep, question).status == "verified"
    wide = Specification.monotone([-2.0] * 6, [2.0] * 6, 0)
    found = verify_specification(network, wide, time_limit=0.05)
    assert found.status in ("unknown", "falsified") and found.seconds < 5.0


@pytest.mark.parametrize(
    "arguments, error, said",
    [
        ({"feature": 2}, ValueError, "feature must be"),
        ({"feature": True}, ValueError, "feature must be"),
        ({"feature": -1}, ValueError, "feature must be"),
        ({"lower": [0.0, 1.0]}, ValueError, "does not move"),
        ({"lower": [2.0, 0.0]}, ValueError, "empty"),
        ({"lower": ["a", 0.0]}, ValueError, "lower must"),
        ({"increasing": 1}, TypeError, "increasing"),
        ({"output": 1}, ValueError, "output must"),
        ({"n_outputs": 0}, ValueError, "n_outputs"),
    ],
)
def test_bad_questions_are_refused(arguments, error, said):
    good = {"lower": [0.0, 0.0], "upper": [1.0, 1.0], "feature": 1}
    with pytest.raises(error, match=said):
        Specification.monotone(**good | arguments)


def test_names_and_sizes_that_the_model_does_not_have():
    network = random_network([2, 3, 1])
    with pytest.raises(ValueError, match="'dose' is no column"):
        verify_specification(network, Specification.monotone([0, 0], [1, 1], "dose"))
    with pytest.raises(ValueError, match="3 inputs, the model 2"):
        verify_specification(network, Specification.monotone([0] * 3, [1] * 3, 0))
