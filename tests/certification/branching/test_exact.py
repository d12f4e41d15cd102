# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Branch and bound against the enumeration of all activation patterns.

Also tests of ``certification/_branching/unsplit.py``.
"""

import time
from dataclasses import replace
from itertools import product

import cvxpy
import numpy as np
import pytest
import torch
from scipy.optimize import linprog, nnls
from sklearn.datasets import load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sklip.certification import (
    Verification,
    certified_radius,
    minimum_norm_attack,
    verify_robustness,
)
from sklip.certification._branching.linear_parts import LinearPart
from sklip.networks import FeedForward, random_network

NORMS = [1, 2, np.inf]
METHODS = ["product", "pairwise", "sequential", "lipsdp", "ibp", "crown", "local"]


def nearest_in_polytope(G, h, norm):
    """Length of the shortest d with G d <= h; inf if there is none."""
    n = G.shape[1]
    if norm == 2:
        # Least distance programming (Lawson and Hanson, 1974).
        E = np.vstack([-G.T, -h[None]])
        f = np.append(np.zeros(n), 1.0)
        u, length = nnls(E, f)
        residual = E @ u - f
        if length < 1e-9 or residual[-1] > -1e-12:
            return np.inf
        return np.linalg.norm(residual[:-1] / residual[-1])
    # d = p - q with p, q >= 0; linf adds the largest entry as a variable.
    box = np.hstack([np.eye(n), np.eye(n), -np.ones((n, 1))])
    A = np.hstack([G, -G, np.zeros((len(G), 1))])
    cost = np.ones(2 * n + 1)
    if norm == np.inf:
        A, h = np.vstack([A, box]), np.append(h, np.zeros(n))
        cost[:-1] = 0.0
    else:
        cost[-1] = 0.0
    found = linprog(cost, A_ub=A, b_ub=h, bounds=(0, None))
    return found.fun if found.status == 0 else np.inf


def pattern_maps(network, x):
    """Each pattern's conditions on d and logits there, both as affine functions."""
    hidden = network.activations
    left = [a.derivative(np.array([-1.0]))[0] for a in hidden]
    right = [a.derivative(np.array([1.0]))[0] for a in hidden]
    sizes = network.layer_sizes[1:-1]
    for bits in product([0.0, 1.0], repeat=sum(sizes)):
        ends = np.cumsum(sizes)[:-1]
        A, c, conditions = np.eye(len(x)), x, []
        for k, on in enumerate(np.split(np.array(bits), ends)):
            A = network.weights[k] @ A
            c = network.weights[k] @ c + network.biases[k]
            sign = 1.0 - 2.0 * on
            conditions.append((sign[:, None] * A, -sign * c))
            slope = np.where(on > 0.0, right[k], left[k])
            A, c = slope[:, None] * A, slope * c
        logits = network.weights[-1] @ A, network.weights[-1] @ c + network.biases[-1]
        yield [np.concatenate(part) for part in zip(*conditions, strict=True)], logits


def exact_radius(network, x, norm):
    """Distance to the nearest point of another class, by all patterns."""
    target = network.forward(x[None]).argmax()
    nearest = np.inf
    for (G, h), (A, c) in pattern_maps(network, x):
        for j in set(range(len(c))) - {target}:
            row, least = A[target] - A[j], c[j] - c[target]
            length = nearest_in_polytope(np.vstack([G, row]), np.append(h, least), norm)
            nearest = min(nearest, length)
    return nearest


def _network(seed, sizes=(3, 4, 2, 3), activation="relu"):
    rng = np.random.default_rng(seed)
    shapes = list(zip(sizes[1:], sizes[:-1], strict=True))
    weights = [2.0 * rng.normal(size=s) / np.sqrt(s[1]) for s in shapes]
    biases = [0.5 * rng.normal(size=s[0]) for s in shapes]
    return FeedForward(weights, biases, activation), rng.normal(size=(3, sizes[0]))


@pytest.fixture(scope="module", params=NORMS)
def truth(request):
    """Small networks, samples, and the exact radius of each."""
    cases = []
    for seed, activation in [
        (0, "relu"),
        (2, "abs"),
        (3, ("leaky_relu(0.2)", "leaky_relu(-0.5)")),
    ]:
        network, X = _network(seed, activation=activation)
        X = X[:2]
        radii = np.array([exact_radius(network, x, request.param) for x in X])
        cases.append((network, X, radii))
    return request.param, cases


def test_status_changes_at_the_exact_radius(truth):
    norm, cases = truth
    for network, X, radii in cases:
        assert np.isfinite(radii).all() and (radii > 1e-3).all()
        for i, radius in enumerate(radii):
            x = X[[i]]
            for factor, status in ((0.3, "verified"), (0.999, "verified")):
                found = verify_robustness(network, x, radius=factor * radius, norm=norm)
                assert found[0].status == status
                assert found[0].point is None
            found = verify_robustness(network, x, radius=1.001 * radius, norm=norm)[0]
            assert found.status == "falsified"
            classes = network.forward(np.vstack([x, found.point])).argmax(axis=1)
            assert classes[0] != classes[1]
            assert np.linalg.norm(found.point - x[0], norm) <= 1.001 * radius


@pytest.mark.slow
def test_certified_and_attacked_enclose_the_exact_radius(truth):
    norm, cases = truth
    for network, X, radii in cases:
        for method in [*METHODS, "best"]:
            certified = certified_radius(network, X, norm=norm, method=method)
            assert np.all(certified <= radii * (1.0 + 1e-9)), method
        assert np.all(certified >= 0.3 * radii)
        _, attacked = minimum_norm_attack(network, X, norm=norm, random_state=0)
        assert np.all(attacked >= radii * (1.0 - 1e-9))


def test_identity_layers_are_not_split():
    network, X = _network(4, activation=("identity", "abs"))
    for x in X:
        radius = exact_radius(network, x, 2)
        for factor, status in ((0.999, "verified"), (1.001, "falsified")):
            found = verify_robustness(network, x[None], radius=factor * radius)
            assert found[0].status == status


@pytest.mark.parametrize("norm", NORMS)
def test_linear_and_one_hidden_layer_are_settled(norm):
    for sizes in ((4, 3), (4, 8, 3)):
        network, X = _network(5, sizes)
        certified = certified_radius(network, X, norm=norm)
        found = verify_robustness(network, X, radius=0.9 * certified.min(), norm=norm)
        assert [result.status for result in found] == ["verified"] * 3
        found = verify_robustness(network, X, radius=100.0, norm=norm)
        assert [result.status for result in found] == ["falsified"] * 3


def test_units_labels_and_what_does_not_move():
    X, y = load_iris(return_X_y=True)
    model = make_pipeline(
        StandardScaler(),
        MLPClassifier((8,), solver="lbfgs", alpha=0.1, max_iter=2000, random_state=0),
    ).fit(X, y)
    X, y = X[::15], y[::15]
    eps = {0: 0.2, 2: 0.5}
    arguments = {"norm": np.inf, "feature_eps": eps}
    certified = certified_radius(model, X, y, **arguments)
    found = verify_robustness(model, X, y, radius=3.0, **arguments)
    settled = np.array([result.status for result in found])
    assert set(settled) == {"verified", "falsified"}
    assert np.all(settled[certified >= 3.0] == "verified")
    for x, label, result in zip(X, y, found, strict=True):
        if result.status == "falsified":
            assert np.all(np.abs(result.point - x)[[0, 2]] <= [0.6, 1.5])
            assert np.all((result.point == x)[[1, 3]])
            assert model.predict(result.point[None])[0] != label
    wrong = verify_robustness(model, X, (y + 1) % 3, radius=1e-6)
    assert {result.status for result in wrong} == {"falsified"}


def test_a_table_is_settled_within_one_limit_and_hard_samples_last():
    network = random_network((6, 24, 24, 3), gain=2.0, random_state=1)
    X = np.random.default_rng(0).normal(size=(40, 6))
    _, attacked = minimum_norm_attack(network, X, random_state=0)
    radius = 0.9 * np.median(attacked)
    whole = verify_robustness(network, X, radius=radius, time_limit=60.0)
    assert {r.status for r in whole} == {"verified", "falsified"}
    # Whatever the company, the same answers from the same number of parts.
    rows = [3, 17, 39]
    alone = verify_robustness(network, X[rows], radius=radius, time_limit=60.0)
    for result, i in zip(alone, rows, strict=True):
        assert (result.status, result.n_parts) == (whole[i].status, whole[i].n_parts)
    parts = np.array([r.n_parts for r in whole])
    seconds = np.array([r.seconds for r in whole])
    assert np.all(seconds > 0.0) and parts.max() > 64
    assert seconds[parts > 64].min() >= seconds[parts < 64].max()


def test_effort_limits_the_parts():
    network = random_network((6, 24, 24, 3), gain=2.0, random_state=1)
    X = np.random.default_rng(0).normal(size=(8, 6))
    _, attacked = minimum_norm_attack(network, X, random_state=0)
    radius = 0.9 * np.median(attacked)
    n_unknown = []
    for effort in (0, 6, 60, "normal"):
        found = verify_robustness(network, X, radius=radius, effort=effort)
        if effort != "normal":
            assert max(r.n_parts for r in found) <= effort
        n_unknown.append(sum(r.status == "unknown" for r in found))
    assert n_unknown == sorted(n_unknown, reverse=True) and n_unknown[0] > n_unknown[-1]


def test_time_runs_out():
    network, X = _network(3, (20, 60, 60, 60, 4))
    _, distance = minimum_norm_attack(network, X, random_state=0)
    start = time.monotonic()
    found = verify_robustness(network, X, radius=0.95 * distance.min(), time_limit=1e-3)
    assert time.monotonic() - start < 20.0
    assert all(isinstance(result, Verification) for result in found)
    assert "unknown" in {result.status for result in found}


def test_what_cannot_be_verified_is_named():
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match="not a classifier"):
        verify_robustness(LinearRegression().fit(X, y), X, radius=0.1)
    model = LogisticRegression(max_iter=1000).fit(X, y)
    for time_limit in (0, -1.0, "1", np.nan):
        with pytest.raises(ValueError, match="time_limit"):
            verify_robustness(model, X, radius=0.1, time_limit=time_limit)
    with pytest.raises(ValueError, match="radius"):
        verify_robustness(model, X, radius=-0.1)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("norm", [1, 2, np.inf])
def test_a_linear_part_is_bounded_or_shows_where_it_is_negative(seed, norm):
    """Columns of any scale; a general solver agrees on which of the two it is."""
    rng = np.random.default_rng(seed)
    G, slope = rng.standard_normal((6, 3)), rng.standard_normal(3)
    scale = 10.0 ** rng.uniform(-2, 2, 3)
    part = LinearPart(slope * scale, 0.0, G * scale, rng.uniform(-0.5, 1.0, 6))
    radius = 1.0 / scale.mean()
    d = cvxpy.Variable(3)
    inside = [part.G @ d <= part.h, cvxpy.norm(d, norm) <= radius]
    least = cvxpy.Problem(cvxpy.Minimize(part.slope @ d), inside).solve("CLARABEL")
    size = np.abs(part.slope).max() * radius
    least = min(least, 10.0 * size)  # an empty part is above anything
    for margin in (0.01 * size, -0.01 * size):
        moved = replace(part, value=margin - least)
        beta, step = moved.settle(radius, norm, 0.0)
        assert (beta >= 0.0).all()
        dual = {1: np.inf, 2: 2, np.inf: 1}[norm]
        pull = radius * np.linalg.norm(part.slope + beta @ part.G, dual)
        lower = moved.value - pull - beta @ part.h
        assert lower <= margin + 1e-6 * size or least == 10.0 * size
        if margin > 0.0 or least == 10.0 * size:
            assert lower > 0.0
        else:
            assert part.slope @ step + moved.value < 0.0
            assert np.linalg.norm(step, norm) <= radius * (1.0 + 1e-6)
            assert (part.G @ step <= part.h + 1e-6 * np.abs(part.h)).all()


@pytest.mark.parametrize("norm", NORMS)
def test_no_time_is_needed_for_what_constants_of_pairs_prove(norm):
    # Too many neurons for a split in a microsecond, and no slack in the constants.
    sizes, rng = (6, 64, 64, 3), np.random.default_rng(0)
    weights = [
        np.linalg.qr(rng.normal(size=s))[0] for s in zip(sizes[1:], sizes, strict=False)
    ]
    weights[2] = rng.normal(size=(3, 64))
    network = FeedForward(weights, activation="abs")
    X = 3.0 * rng.normal(size=(5, 6))
    radii = certified_radius(network, X, norm=norm, method="pairwise")
    for i, radius in enumerate(0.9 * radii):
        (found,) = verify_robustness(
            network, X[i : i + 1], radius=radius, norm=norm, time_limit=1e-6
        )
        assert found.status == "verified"
        directions = rng.normal(size=(2000, 6))
        if norm == np.inf:
            directions = np.sign(directions)
        directions /= np.linalg.norm(directions, norm, axis=1)[:, None]
        logits = np.sort(network.forward(X[i] + radius * directions), axis=1)
        margin = np.diff(np.sort(network.forward(X[i : i + 1])[0]))[-1]
        assert 0.09 * margin < found.lower < (logits[:, -1] - logits[:, -2]).min()


def test_the_margin_that_constants_leave_is_that_of_a_linear_classifier():
    network = FeedForward([[[1.5, 2.0], [-1.5, -2.0]]])
    (found,) = verify_robustness(network, [[1.0, 0.5]], radius=0.9, time_limit=1e-6)
    assert found.status == "verified"
    # The logits differ by 5, and by 5 less for each unit of length.
    assert 0.5 - 1e-12 < found.lower <= 0.5


def test_a_module_with_convolutions_is_split_as_the_network_that_it_is(monkeypatch):
    monkeypatch.setattr("sklip.bounds._modules.stacks._MOST_UNROLLED", 4)
    torch.manual_seed(0)
    layers = [nn.Unflatten(1, (1, 4, 4)), nn.Conv2d(1, 3, 3, padding=1), nn.ReLU()]
    layers += [nn.Flatten(), nn.Linear(48, 6), nn.ReLU(), nn.Linear(6, 3)]
    module = nn.Sequential(*layers).double().eval()
    kernel = torch.eye(16, dtype=torch.float64)
    with torch.no_grad():
        for layer in layers[1::3]:
            layer.weight *= 3.0
        bias = module[:2](0.0 * kernel)[0].flatten()
        matrix = (module[:2](kernel).flatten(1) - bias).T
    dense = [matrix, layers[4].weight, layers[6].weight]
    biases = [bias, layers[4].bias, layers[6].bias]
    network = FeedForward(
        [w.detach().numpy() for w in dense], [b.detach().numpy() for b in biases]
    )
    X = np.random.default_rng(0).random((3, 16))
    ball = {"radius": 0.14, "norm": np.inf}
    found = verify_robustness(module, X, **ball)
    expected = verify_robustness(network, X, **ball)
    assert [f.status for f in found] == [e.status for e in expected]
    assert {"verified", "falsified"} == {f.status for f in found}
    # Without splits some would be open.
    assert any(f.status == "verified" and f.n_parts > 3 for f in found)
    with torch.no_grad():
        labels = module(torch.from_numpy(X)).argmax(1)
        for f, label in zip(found, labels, strict=True):
            if f.point is not None:
                flipped = module(torch.from_numpy(f.point[None])).argmax(1)[0]
                assert flipped != label
