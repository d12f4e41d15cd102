# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The Lipschitz step is a projection, optimal and proven feasible.

Also tests of ``training/_lipschitz_step/inputs.py``.
"""

import numpy as np
import pytest

from sklip.bounds import Chain, is_feasible, lipschitz_bound
from sklip.networks import get_activation, random_network
from sklip.training import CvxpyStep, lipschitz_step
from sklip.training._lipschitz_step import unproven_step

SIZES = [[3, 2], [4, 6, 3], [8, 5, 7, 2], [3, 6, 5, 4, 2]]


def make_problem(sizes, seed=0, share=0.5):
    """Targets, multipliers of LipSDP, slopes and a bound that cuts."""
    network = random_network(sizes, gain=2.0, random_state=seed)
    certificate = lipschitz_bound(network, method="lipsdp")
    multipliers = [d**2 / 2 for d in certificate.multipliers or ()]
    targets = [w.copy() for w in network.weights]
    return targets, multipliers, [1.0] * len(multipliers), share * certificate.value


def distance(targets, weights):
    return 0.5 * sum(
        np.sum((v - w) ** 2) for v, w in zip(targets, weights, strict=True)
    )


def proven(weights, multipliers, slopes, bound):
    chain = Chain(
        tuple(weights), (None,) * len(weights), tuple((0.0, b) for b in slopes)
    )
    return is_feasible(chain, bound, [np.sqrt(2 * t) for t in multipliers])


def condition(weights, multipliers, slopes, bound):
    """The matrix (7) of paper 001, any depth."""
    diagonals = [
        np.full(weights[0].shape[1], bound**2),
        *(2 * t for t in multipliers),
        np.ones(len(weights[-1])),
    ]
    matrix = np.diag(np.concatenate(diagonals))
    starts = np.cumsum([0, *map(len, diagonals)])
    rows = [*(b * t for b, t in zip(slopes, multipliers, strict=True)), np.ones(1)]
    for k, (w, r) in enumerate(zip(weights, rows, strict=True)):
        own, below = (slice(*starts[i : i + 2]) for i in (k + 1, k))
        matrix[own, below] = -r[:, None] * w
        matrix[below, own] = matrix[own, below].T
    return matrix


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("tol", [1e-1, 1e-4, 1e-8])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_weights_are_proven_as_they_are_stored(sizes, tol, dtype):
    targets, multipliers, slopes, bound = make_problem(sizes)
    for kind in ({"bound": bound}, {"weight": 0.1}):
        found = lipschitz_step(
            targets, multipliers, slopes=slopes, tol=tol, dtype=dtype, **kind
        )
        assert found.residual <= tol
        assert proven(found.weights, multipliers, slopes, found.bound)
        options = {"slopes": slopes, "rho": 1.0, "tol": tol, "state": None, **kind}
        same = unproven_step(targets, multipliers, dtype=dtype, **options)
        assert all(map(np.array_equal, same.weights, found.weights))
        for w in found.weights:
            np.testing.assert_array_equal(w, w.astype(dtype))
        eigenvalues = np.linalg.eigvalsh(
            condition(found.weights, multipliers, slopes, found.bound)
        )
        assert eigenvalues[0] > -1e-10 * eigenvalues[-1]


@pytest.mark.parametrize("sizes", SIZES)
def test_optimality_inequality_and_feasible_points_stay(sizes):
    targets, multipliers, slopes, bound = make_problem(sizes)
    found = lipschitz_step(targets, multipliers, slopes=slopes, bound=bound, tol=1e-10)
    size = distance(targets, found.weights)
    assert size > 1e-3
    for seed in range(20):
        other, *_ = make_problem(sizes, seed=seed + 1)
        other = lipschitz_step(other, multipliers, slopes=slopes, bound=bound).weights
        inner = sum(
            np.sum((v - w) * (u - w))
            for v, w, u in zip(targets, found.weights, other, strict=True)
        )
        assert inner <= 1e-4 * size
        again = lipschitz_step(other, multipliers, slopes=slopes, bound=bound)
        assert distance(other, again.weights) <= 1e-20
    inside = [0.5 * w for w in found.weights]
    again = lipschitz_step(inside, multipliers, slopes=slopes, bound=bound)
    for v, w in zip(inside, again.weights, strict=True):
        np.testing.assert_array_equal(v, w)


def test_non_expansive():
    targets, multipliers, slopes, bound = make_problem([8, 5, 7, 2])
    rng = np.random.default_rng(0)
    moved = [v + 0.3 * rng.standard_normal(v.shape) for v in targets]
    a, b = (
        lipschitz_step(v, multipliers, slopes=slopes, bound=bound, tol=1e-8).weights
        for v in (targets, moved)
    )
    assert distance(a, b) <= distance(targets, moved)


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("slope", [1.0, 0.25])
@pytest.mark.parametrize("solver", ["clarabel", "scs"])
def test_agrees_with_cvxpy(sizes, slope, solver):
    targets, multipliers, slopes, bound = make_problem(sizes)
    slopes = [slope] * len(slopes)
    step = CvxpyStep(sizes, solver)
    for kind in ({"bound": slope * bound}, {"weight": 0.1, "rho": 2.0}):
        arguments = {"slopes": slopes, **kind}
        ours = lipschitz_step(targets, multipliers, tol=1e-8, **arguments)
        theirs = step.solve(targets, multipliers, tol=1e-6, **arguments)
        values = [
            kind.get("weight", 0) * r.bound**2
            + kind.get("rho", 1) * distance(targets, r.weights)
            for r in (ours, theirs)
        ]
        assert values[0] == pytest.approx(values[1], rel=1e-6)
        assert ours.bound == pytest.approx(theirs.bound, rel=1e-3)
        assert proven(theirs.weights, multipliers, slopes, theirs.bound)


def test_one_matrix_in_closed_form():
    matrix = np.diag([3.0, 2.0, 0.5])
    found = lipschitz_step([matrix], [], slopes=[], bound=1.0, tol=1e-12)
    np.testing.assert_allclose(found.weights[0], np.diag([1, 1, 0.5]), atol=1e-10)
    # mu L^2 + rho/2 ((3 - L)^2 + (2 - L)^2) is least at L = 5 rho / (2 mu + 2 rho).
    found = lipschitz_step([matrix], [], slopes=[], weight=1.0, rho=2.0, tol=1e-12)
    assert found.bound == pytest.approx(10 / 6, rel=1e-5)


def test_regularised_bound_is_a_minimum():
    targets, multipliers, slopes, _ = make_problem([8, 5, 7, 2])
    weight, rho = 0.05, 0.7
    found = lipschitz_step(
        targets, multipliers, slopes=slopes, weight=weight, rho=rho, tol=1e-8
    )

    def objective(bound):
        w = lipschitz_step(targets, multipliers, slopes=slopes, bound=bound, tol=1e-9)
        return weight * bound**2 + rho * distance(targets, w.weights)

    value = objective(found.bound)
    for factor in (0.8, 0.95, 1.05, 1.25):
        assert objective(factor * found.bound) > value * (1 + 1e-6)


@pytest.mark.parametrize("sizes", [[20, 30, 10], [40, 12, 5]])
def test_warm_start_gives_the_same_in_fewer_products(sizes):
    targets, multipliers, slopes, bound = make_problem(sizes)
    rng = np.random.default_rng(0)
    moved = [v + 1e-3 * rng.standard_normal(v.shape) for v in targets]
    for kind in ({"bound": bound}, {"weight": 0.1}):
        arguments = {"slopes": slopes, "tol": 1e-8, **kind}
        state = lipschitz_step(targets, multipliers, **arguments).state
        cold = lipschitz_step(moved, multipliers, **arguments)
        warm = lipschitz_step(moved, multipliers, state=state, **arguments)
        assert warm.n_iter < cold.n_iter
        assert distance(cold.weights, warm.weights) < 1e-7


@pytest.mark.parametrize("mode", ["enforce", "regularise"])
def test_rotated_inputs_rotate_the_first_layer(mode):
    targets, multipliers, slopes, bound = make_problem([9, 4, 3])
    kind = {"bound": bound} if mode == "enforce" else {"weight": 0.1}
    arguments = {"slopes": slopes, "tol": 1e-12, **kind}
    rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((9, 9)))[0]
    turned = [targets[0] @ rotation, *targets[1:]]
    found = lipschitz_step(targets, multipliers, **arguments)
    other = lipschitz_step(turned, multipliers, state=found.state, **arguments)
    np.testing.assert_allclose(other.bound, found.bound, rtol=1e-6)
    np.testing.assert_allclose(
        other.weights[0], found.weights[0] @ rotation, rtol=0, atol=1e-6
    )
    np.testing.assert_allclose(other.weights[1], found.weights[1], rtol=0, atol=1e-6)
    # The same problem without the directions of the inputs that no row has.
    core = [np.linalg.qr(targets[0].T, mode="r").T, *targets[1:]]
    narrow = lipschitz_step(core, multipliers, **arguments)
    np.testing.assert_allclose(
        distance(core, narrow.weights), distance(targets, found.weights), rtol=1e-7
    )


def test_zero_targets():
    targets, multipliers, slopes, bound = make_problem([4, 6, 3])
    zeros = [np.zeros_like(v) for v in targets]
    for kind in ({"bound": bound}, {"weight": 1.0}):
        found = lipschitz_step(zeros, multipliers, slopes=slopes, **kind)
        assert not any(np.any(w) for w in found.weights)
        assert 0.0 < found.bound


@pytest.mark.parametrize("name", ["leaky_relu", "identity", "gelu"])
def test_sector_that_does_not_start_at_zero_is_refused_by_name(name):
    targets, multipliers, _, bound = make_problem([4, 6, 3])
    with pytest.raises(ValueError, match=f"'{name}.*Remark 2"):
        lipschitz_step(targets, multipliers, slopes=[name], bound=bound)
    sector = get_activation(name).sector
    with pytest.raises(ValueError, match="not convex"):
        lipschitz_step(targets, multipliers, slopes=[sector], bound=bound)


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"bound": 0.0}, "bound must be positive"),
        ({"bound": None, "weight": -1.0}, "weight must be positive"),
        ({"bound": None}, "exactly one"),
        ({"weight": 1.0}, "exactly one"),
        ({"rho": 0.0}, "rho must be positive"),
        ({"tol": np.nan}, "tol must be positive"),
        ({"slopes": []}, "slopes must have one entry"),
        ({"multipliers": [np.ones(5)]}, "multipliers must have the shapes"),
        ({"multipliers": [-np.ones(6)]}, r"multipliers\[0\] must be positive"),
        ({"targets": [np.ones((6, 4)), np.ones((3, 5))]}, "6 columns"),
        ({"targets": [np.full((6, 4), np.nan), np.ones((3, 6))]}, "NaN"),
        ({"dtype": np.int64}, "dtype"),
    ],
)
def test_wrong_arguments(changes, said):
    targets, multipliers, slopes, bound = make_problem([4, 6, 3])
    arguments = {
        "targets": targets,
        "multipliers": multipliers,
        "slopes": slopes,
        "bound": bound,
    }
    with pytest.raises(ValueError, match=said):
        lipschitz_step(**{**arguments, **changes})
