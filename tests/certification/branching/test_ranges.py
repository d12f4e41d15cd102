# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Splits of ranges, for activations that are not hinges (and their bounds).

Also tests of ``bounds/_propagation/ranges.py``.
"""

import numpy as np
import pytest
import torch

from sklip import Specification, verify_specification
from sklip.bounds import Propagation, hidden_bounds, lower_over_ranges
from sklip.certification import (
    certified_radius,
    minimum_norm_attack,
    verify_robustness,
)
from sklip.certification._branching import exact
from sklip.certification._branching import specification as module
from sklip.certification._branching.queue import Effort
from sklip.certification._branching.ranges import RangeBranching
from sklip.certification._decisions import decide
from sklip.networks import FeedForward, random_network

SMOOTH = ["tanh", "logistic", "softplus", "elu", "gelu", "silu"]


def pre_activations(network, X):
    """Of every hidden layer."""
    found, a = [], X
    for w, b, sigma in zip(
        network.weights, network.biases, network.activations, strict=False
    ):
        found.append(a @ w.T + b)
        a = sigma.function(found[-1])
    return found


def meeting(network, X):
    """The network with a last bias by which all classes meet between the samples."""
    biases = [*network.biases[:-1], network.biases[-1]]
    biases[-1] = biases[-1] - network.forward(X.mean(axis=0)[None])[0]
    return FeedForward(network.weights, biases, network.activation)


@pytest.mark.parametrize("norm", [1, 2, np.inf])
@pytest.mark.parametrize("activation", ["tanh", "gelu", "leaky_relu(2.0)", "relu"])
def test_bounds_hold_at_every_point_of_a_part(activation, norm):
    rng = np.random.default_rng(0)
    network = random_network([3, 5, 4, 2], activation=activation, random_state=0)
    propagation = Propagation(network, norm)
    tensor = propagation.tensor
    center, radius, n = rng.normal(size=3), 0.8, 6
    steps = rng.normal(size=(4000, 3))
    lengths = np.linalg.norm(steps, ord=norm, axis=1)
    steps *= (radius * rng.uniform(size=4000) ** 0.3 / lengths)[:, None]
    values = pre_activations(network, center + steps)
    outputs = network.forward(center + steps) @ [1.0, -1.0]
    cuts, inside = [], np.ones((n, 4000), dtype=bool)
    for z in values:
        low = np.where(rng.uniform(size=(n, z.shape[1])) < 0.3, z.mean(0), -np.inf)
        high = np.where(rng.uniform(size=(n, z.shape[1])) < 0.2, z.mean(0), np.inf)
        low = np.where(np.isfinite(high), -np.inf, low)
        cuts.append((tensor(low), tensor(high)))
        inside &= ((z >= low[:, None]) & (z <= high[:, None])).all(axis=2)
    balls = propagation.balls(np.repeat(center[None], n, 0), np.full(n, radius))
    with torch.no_grad():
        given = hidden_bounds(propagation, balls, "crown").intervals
    rows = tensor([[[1.0, -1.0]]]).expand(n, -1, -1)
    told = {"enough": np.inf, "given": given}

    def bounded(**options):
        return lower_over_ranges(propagation, balls, rows, cuts, **told, **options)

    bounds = [bounded(n_steps=steps) for steps in (0, 20)]
    found = [own.lower.numpy() for own in bounds]
    assert np.all(found[0] <= found[1]) and np.any(found[0] < found[1])
    gains = torch.cat(bounds[1].gains, 1)
    assert (gains.gather(1, bounds[1].choice[:, None]) > 0.0).all()
    some = np.flatnonzero(inside.any(axis=1))
    assert len(some) > 1
    for part in some:
        least = outputs[inside[part]].min()
        assert found[0][part] <= least and found[1][part] <= least


def test_multipliers_close_what_lines_alone_leave():
    # Twice z on z >= 1/2 of the ball |x| <= 1, where z is x: least there is 1.
    network = FeedForward([[[1.0]], [[2.0]]], activation="tanh")
    propagation = Propagation(network, np.inf)
    ends = propagation.tensor([[0.5]]), propagation.tensor([[np.inf]])
    balls = propagation.balls(np.zeros((1, 1)), np.ones(1))
    given = [(propagation.tensor([[-1.0]]), propagation.tensor([[1.0]]))]
    bound = lower_over_ranges(
        propagation,
        balls,
        propagation.tensor([[[1.0]]]),
        [ends],
        n_steps=200,
        enough=np.inf,
        given=given,
    )
    least = 2.0 * np.tanh(0.5)
    assert least - 0.02 < float(bound.lower) <= least


@pytest.mark.parametrize("activation", [*SMOOTH, ("tanh", "relu")])
def test_verified_up_to_near_the_nearest_flip(activation):
    shape = {"activation": activation, "random_state": 2, "gain": 2.0}
    network = random_network([3, 6, 5, 3], **shape)
    X = np.random.default_rng(0).normal(size=(2, 3))
    network = meeting(network, X)
    _, distance = minimum_norm_attack(network, X, norm=np.inf, random_state=0)
    crown = certified_radius(network, X, norm=np.inf, method="crown")
    for x, near, far in zip(X[:1], crown, distance, strict=False):
        ball = {"norm": np.inf, "time_limit": 60.0}
        middle = 0.5 * (near + far)
        (found,) = verify_robustness(network, x[None], radius=middle, **ball)
        assert found.status == "verified" and found.lower > 0.0
        (found,) = verify_robustness(network, x[None], radius=1.01 * far, **ball)
        assert found.status == "falsified"
        # A limit of the work instead of the time.
        (few,) = verify_robustness(network, x[None], radius=middle, effort=1, **ball)
        assert few.status in ("unknown", "verified") and few.n_parts <= 4


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("activation", ["tanh", "hardswish", "leaky_relu(2.0)"])
def test_of_one_input_the_nearest_flip_is_met(activation, seed):
    network = random_network([1, 4, 3, 2], activation=activation, random_state=seed)
    grid = np.linspace(-3.0, 3.0, 60_001)
    x = np.random.default_rng(seed).normal(size=(1, 1))
    target = network.forward(x).argmax()
    others = network.forward(grid[:, None]).argmax(axis=1) != target
    exact_radius = abs(grid[others] - x[0, 0]).min(initial=np.inf)
    radius = 0.98 * min(exact_radius, 2.0)
    assert verify_robustness(network, x, radius=radius, time_limit=60.0)[0].status == (
        "verified"
    )
    if np.isfinite(exact_radius):
        (found,) = verify_robustness(network, x, radius=1.01 * exact_radius)
        assert found.status == "falsified"


@pytest.mark.parametrize("norm", [1, 2, np.inf])
def test_hinges_by_ranges_are_settled_as_by_signs(monkeypatch, norm):
    # Not relu: where all units are dead these classes are tied.
    shape = {"activation": "leaky_relu", "random_state": 1, "gain": 2.0}
    network = random_network([3, 5, 4, 3], **shape)
    X = np.random.default_rng(0).normal(size=(4, 3))
    network = meeting(network, X)
    _, distance = minimum_norm_attack(network, X, norm=norm, random_state=0)
    ball = {"radius": 0.97 * np.median(distance), "norm": norm, "time_limit": 60.0}
    signs = [found.status for found in verify_robustness(network, X, **ball)]
    monkeypatch.setattr(exact, "unsplittable", lambda network: True)
    ranges = [found.status for found in verify_robustness(network, X, **ball)]
    assert set(signs) == {"verified", "falsified"}
    # No linear program bounds a part whose signs are all known.
    assert all(r in (s, "unknown") for r, s in zip(ranges, signs, strict=True))
    assert ranges.count("unknown") < 2


def test_specifications_of_many_inputs(monkeypatch):
    network = random_network([3, 6, 1], activation="tanh", random_state=0)
    ends = [-0.4] * 3, [0.4] * 3
    grid = np.stack(np.meshgrid(*[np.linspace(-0.4, 0.4, 41)] * 3), -1).reshape(-1, 3)
    largest = network.forward(grid).max()
    monkeypatch.setattr(module, "_FEW_INPUTS", 0)
    for limit, status in ((0.02, "verified"), (-0.005, "falsified")):
        asked = Specification.output_between(*ends, -np.inf, largest + limit)
        found = verify_specification(network, asked, time_limit=60.0)
        assert found.status == status
    touched = Specification.output_between(*ends, -np.inf, largest)
    assert verify_specification(network, touched, time_limit=0.5).status != "verified"


@pytest.mark.parametrize(
    "activation, place", [("tanh", 0.0), ("leaky_relu(2.0)", 0.0), ("softplus", 0.1)]
)
def test_halves_are_the_whole_and_meet(activation, place):
    network = random_network([3, 4, 5, 2], activation=activation, random_state=0)
    branching = RangeBranching(decide(network, np.zeros((1, 3))), 2)
    (part,) = branching.question(0, [1], 1.0).take(Effort())
    ends = np.stack([np.full(9, -0.7), np.full(9, 0.9)])
    for neuron in range(9):
        lower, upper = branching.halves(part._replace(ends=ends), neuron)
        (cut,) = {lower[1, neuron], upper[0, neuron]}
        # Where the activation bends, else in the middle.
        assert cut == pytest.approx(place)
        assert lower[0, neuron] == -np.inf and upper[1, neuron] == np.inf
        rest = np.arange(9) != neuron
        for half in (lower, upper):
            np.testing.assert_array_equal(half[:, rest], part.signs[:, rest])
    (lower, upper) = branching.halves(part._replace(ends=ends + 2.0), 0)
    assert lower[1, 0] == pytest.approx(2.1)


@pytest.mark.parametrize("activation", ["tanh", "logistic"])
def test_nothing_that_a_score_certifies_stays_open(activation):
    network = random_network((6, 40, 40, 3), activation=activation, random_state=0)
    X = np.random.default_rng(0).normal(size=(8, 6))
    radii = certified_radius(network, X, norm=np.inf)
    radius = 0.99 * float(np.median(radii))
    found = verify_robustness(network, X, radius=radius, norm=np.inf, effort=1)
    proven = [result.status == "verified" for result in found]
    assert np.array_equal(proven, radii >= radius)
    assert all(result.lower > 0.0 for result in found if result.status == "verified")
