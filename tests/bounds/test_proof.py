# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Proofs of LipSDP's condition, against 60 digits and against Z.

Also tests of ``bounds/_chain.py`` and ``bounds/_z.py``.
"""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklip._floats import SAFETY, UNIT, gamma
from sklip.bounds import _chain, _check, _proof, lipschitz_bound
from sklip.bounds._chain import Chain, chain_of
from sklip.bounds._lipsdp.sequential import sequential_passes
from sklip.bounds._norms import spectral_norm_bound
from sklip.bounds._proof import is_feasible, output_factor, prove
from sklip.bounds._z import Z
from sklip.networks import FeedForward, list_activations, random_network

mpmath = pytest.importorskip("mpmath")

ACTIVATIONS = [
    *(name for name in list_activations() if name != "identity"),
    "leaky_relu(0.3)",
    "leaky_relu(-0.7)",
    "leaky_relu(2.5)",
    "elu(1.7)",
]


def smallest_eigenvalue(weights, sectors, lipschitz, multipliers):
    """Of LipSDP's condition over its diagonal, at 60 digits, from the definition."""
    sizes = [weights[0].shape[1], *(len(w) for w in weights)]
    starts = np.cumsum([0, *sizes])
    with mpmath.workdps(60):
        scale = [mpmath.mpf(float(lipschitz))] * sizes[0]
        scale += [mpmath.mpf(float(d)) for layer in multipliers for d in layer]
        scale += [mpmath.mpf(1)] * sizes[-1]
        m = mpmath.diag([s * s for s in scale])
        ends = [(mpmath.mpf(a), mpmath.mpf(b)) for a, b in sectors]
        for k, w in enumerate(weights):
            w = mpmath.matrix(w.tolist())
            here, above = starts[k], starts[k + 1]
            if k == len(weights) - 1:
                t, off = mpmath.eye(w.rows), -w
            else:
                a, b = ends[k]
                t = mpmath.diag([x * x / 2 for x in scale[above : above + w.rows]])
                off = -(a + b) * t * w
                inner = 2 * a * b * w.T * t * w
                for i in range(w.cols):
                    for j in range(w.cols):
                        m[here + i, here + j] += inner[i, j]
            for i in range(w.rows):
                for j in range(w.cols):
                    m[above + i, here + j] += off[i, j]
                    m[here + j, above + i] += off[i, j]
        n = len(scale)
        scaled = mpmath.matrix(n, n)
        for i in range(n):
            for j in range(n):
                scaled[i, j] = m[i, j] / (scale[i] * scale[j])
        return min(mpmath.eigsy(scaled, eigvals_only=True))


# The sequential bound lies on the edge of feasibility, the interior point within tol.
@pytest.mark.parametrize("method, room", [("sequential", 1e-11), ("lipsdp", 1e-6)])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_certificates_hold_at_60_digits(activation, method, room):
    network = random_network([3, 4, 3, 2], activation=activation, random_state=0)
    certificate = lipschitz_bound(network, method=method)
    if activation == "abs" and method == "sequential":
        # Slopes from -1 to 1: no pass undercuts the product of norms, which proves it.
        assert certificate.multipliers is None and certificate.verify(network)
        return
    assert certificate.multipliers is not None
    sectors = [a.sector for a in network.activations]
    smallest = smallest_eigenvalue(
        network.weights, sectors, certificate.value, certificate.multipliers
    )
    assert 0 <= smallest < room


@pytest.mark.parametrize("seed", range(8))
def test_feasible_is_never_claimed_beyond_60_digits(seed):
    """Around the edge of feasibility, where rounding decides."""
    rng = np.random.default_rng(seed)
    network = random_network([2, 3, 3, 2], random_state=seed, gain=2.0)
    chain = chain_of(network)
    lipschitz, multipliers = sequential_passes(chain)[0]
    for exponent in range(-52, -36, 3):
        sign = rng.choice([-1.0, 1.0])
        point = Z.of(chain, lipschitz, multipliers).inflated(1.0 + sign * 2.0**exponent)
        exact = smallest_eigenvalue(chain.weights, chain.sectors, *point)
        if is_feasible(chain, *point):
            assert exact >= 0
        elif sign > 0 and exponent > -43:
            pytest.fail("a clearly feasible point was not proven")


def test_merged_identity_layers_hold_at_60_digits():
    rng = np.random.default_rng(4)
    network = FeedForward(
        [rng.normal(size=s) for s in ((5, 3), (4, 5), (3, 4), (2, 3))],
        None,
        ["identity", "relu", "identity"],
    )
    certificate = lipschitz_bound(network)
    with mpmath.workdps(60):
        merged = []
        for k in (0, 2):
            right = mpmath.matrix(network.weights[k].tolist())
            left = mpmath.matrix(network.weights[k + 1].tolist())
            merged.append(left * right)
        first, last = merged
        scale = mpmath.diag([mpmath.mpf(float(d)) for d in certificate.multipliers[0]])
        b_0 = scale * first / (2 * mpmath.mpf(certificate.value))
        b_1 = last * mpmath.inverse(scale)
        gram = b_0 * b_0.T + b_1.T * b_1
        assert max(mpmath.eigsy(gram, eigvals_only=True)) <= 1
    assert certificate.verify(network)


def test_the_radius_of_a_matrix_counts():
    w = np.array([[1.0]])
    assert is_feasible(Chain((w,), (None,), ()), 1.01, ())
    assert not is_feasible(Chain((w,), (np.array([[0.02]]),), ()), 1.01, ())
    assert is_feasible(Chain((w,), (np.array([[0.004]]),), ()), 1.01, ())


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("activation", ["relu", "logistic", "elu(1.7)"])
def test_condition_is_that_the_norm_of_z_is_at_most_one(seed, activation):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 7, size=rng.integers(2, 7))
    chain = chain_of(random_network(sizes, activation=activation, random_state=seed))
    multipliers = [rng.uniform(0.5, 2.0, len(w)) for w in chain.weights[:-1]]
    z = Z.of(chain, 1.0, multipliers)
    matrix = z.matrix(chain.weights)
    norm = np.linalg.norm(matrix, 2)
    # Z is linear in 1 / factor along an inflation.
    for factor, feasible in ((norm * (1 - 1e-9), False), (norm * (1 + 1e-9), True)):
        assert is_feasible(chain, *z.inflated(factor)) is feasible
    bound = spectral_norm_bound(matrix)
    assert norm * (1 - 1e-14) <= bound <= norm * (1 + 1e-12)


def test_z_has_the_documented_blocks():
    chain = chain_of(random_network([2, 3, 4, 2], random_state=0))
    d_1, d_2 = np.full(3, 1.5), np.full(4, 0.8)
    z = Z.of(chain, 2.0, [d_1, d_2]).matrix(chain.weights)
    w = chain.weights
    expected = np.block(
        [
            [d_1[:, None] * w[0] / 4.0, (d_2[:, None] * w[1] / (2.0 * d_1)).T],
            [np.zeros((2, 2)), w[2] / d_2],
        ]
    )
    assert_allclose(z, expected, rtol=1e-15)
    with pytest.raises(ValueError, match="alpha = 0"):
        chain = chain_of(random_network([2, 3, 2], activation="gelu"))
        Z.of(chain, 1.0, [d_1]).matrix(chain.weights)


@pytest.mark.parametrize("activation", ["relu", "gelu", "leaky_relu(0.3)"])
def test_prove_inflates_what_a_solver_left_infeasible(activation):
    network = random_network([4, 8, 6, 2], activation=activation, random_state=1)
    chain = chain_of(network)
    lipschitz, multipliers = sequential_passes(chain)[0]
    off = lipschitz * (1.0 - 1e-8)
    assert not is_feasible(chain, off, multipliers)
    proven = prove(chain, off, multipliers)
    assert is_feasible(chain, *proven)
    assert off < proven[0] < lipschitz * (1 + 1e-4)


def merge_of_the_proof(left, right):
    return _chain._merge(left, right, None)


def merge_of_the_checker(left, right):
    merged, radii, _ = _check._merge([right, left], [(1.0, 1.0)])
    return merged[0], radii[0]


@pytest.mark.parametrize("merge", [merge_of_the_proof, merge_of_the_checker])
def test_merged_matrices_stay_within_their_radius(merge):
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(6, 40)), rng.normal(size=(40, 5))
    right[1:] -= right[1:].mean()  # cancellation
    merged, radius = merge(left, right)
    with mpmath.workdps(60):
        exact = mpmath.matrix(left.tolist()) * mpmath.matrix(right.tolist())
        for i, j in np.ndindex(merged.shape):
            assert abs(exact[i, j] - mpmath.mpf(merged[i, j])) <= radius[i, j]
    assert np.all(radius < 1e-12)


@pytest.mark.parametrize("error, proven", [(0.0, True), (1e-9, False)])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_a_wrong_factorisation_proves_nothing(monkeypatch, activation, error, proven):
    """The residual is what counts, not that a Cholesky factorisation came back."""
    network = random_network([4, 8, 6, 2], activation=activation, random_state=1)
    certificate = lipschitz_bound(network)
    chain = chain_of(network)
    dpotrf, cholesky = _proof.dpotrf, np.linalg.cholesky

    def wrong_dpotrf(*args, **options):
        factor, info = dpotrf(*args, **options)
        return factor * (1.0 + error), info

    monkeypatch.setattr(_proof, "dpotrf", wrong_dpotrf)
    monkeypatch.setattr(np.linalg, "cholesky", lambda a: cholesky(a) * (1.0 + error))
    point = certificate.value, certificate.multipliers
    assert is_feasible(chain, *point) is proven
    assert certificate.verify(network) is proven


@pytest.mark.parametrize("activation", ["relu", "gelu", "leaky_relu(0.3)"])
@pytest.mark.parametrize("seed", range(4))
def test_the_checker_is_never_wrong_at_60_digits(activation, seed):
    network = random_network([2, 3, 3, 2], activation=activation, random_state=seed)
    chain = chain_of(network)
    lipschitz, multipliers = sequential_passes(chain)[0]
    zeros = [0.0 * w for w in network.weights]
    for exponent in range(-54, -36, 3):
        for sign in (-1.0, 1.0):
            value, d = Z.of(chain, lipschitz, multipliers).inflated(
                1.0 + sign * 2.0**exponent
            )
            if _check._proof(network.weights, zeros, chain.sectors, value, d):
                exact = smallest_eigenvalue(chain.weights, chain.sectors, value, d)
                assert exact >= 0


def test_norms_of_many_rows_are_proven_from_any_guess(monkeypatch):
    matrix = np.random.default_rng(0).normal(size=(220, 250)) / 16.0
    norm = np.linalg.norm(matrix, 2)
    assert_allclose(_check._lanczos(matrix), norm, rtol=1e-13)
    proven = _check._spectral_norm(matrix)
    assert norm < proven <= norm * (1.0 + 1e-9)
    assert not _check._proof([matrix], [0.0], [], norm * (1.0 - 1e-10), [])
    monkeypatch.setattr(_check, "_lanczos", lambda matrix: 0.99 * norm)
    assert_allclose(_check._spectral_norm(matrix), proven, rtol=1e-12)


def test_hopeless_points_are_not_proven():
    chain = chain_of(random_network([4, 8, 2], random_state=1))
    lipschitz, multipliers = sequential_passes(chain)[0]
    for bad in (0.5 * lipschitz, np.nan, np.inf, -lipschitz, 0.0, 1e-300):
        assert not is_feasible(chain, bad, multipliers)
        assert prove(chain, bad, multipliers) is None
    for bad in (0.0, np.nan, -1.0, 1e200):
        spoilt = [np.where(np.arange(8) == 3, bad, multipliers[0])]
        assert not is_feasible(chain, lipschitz, spoilt)


def test_each_attempt_allows_more_than_the_one_before():
    attempts = np.array(_proof._ATTEMPTS)
    assert attempts[0] > 1.0 and np.all(np.diff(attempts) >= attempts[:-1])


@pytest.mark.parametrize("n", [1, 50])
def test_allowance_for_a_sector_on_both_sides_of_zero(n):
    """Of |x| the couplings are 0 and -1; the products of a row of ones are exact."""
    chain = chain_of(FeedForward([np.ones((n, 1)), np.zeros((1, n))], None, "abs"))
    multipliers = [np.ones(n)]
    found = _proof._condition(chain, 1.0, multipliers).error
    size = float(n)  # the square of the Frobenius norm
    distance = 2.01 * UNIT * np.sqrt(size)
    change = 2.0 * distance * np.sqrt(size) + distance**2 + gamma(n) * size
    expected = SAFETY * (change + UNIT * (1.0 + size))
    assert found == pytest.approx(expected, rel=1e-9, abs=0.0)


@pytest.mark.parametrize("share, feasible", [(0.99, True), (1.01, False)])
def test_the_output_s_factor_says_which_last_matrices_are_feasible(share, feasible):
    chain = chain_of(random_network([3, 5, 4, 2], random_state=0))
    value, multipliers = sequential_passes(chain)[-1]
    factor = output_factor(chain, value, multipliers)
    last = chain.weights[-1]
    last = last * share / np.linalg.norm(last @ np.linalg.inv(factor), 2)
    changed = replace(chain, weights=(*chain.weights[:-1], last))
    assert is_feasible(changed, value, multipliers) is feasible
