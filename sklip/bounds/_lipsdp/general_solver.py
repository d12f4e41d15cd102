# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""LipSDP-Neuron handed to a general SDP solver: the reference for small networks.

In the units of the sequential bound (L_0, d_1 ... d_l), with V_k as in _z, unknown
x = (L / L_0)^2 and one t_i for each neuron (T_i = t_i d_i^2 / 2), the problem is

    min x   s.t.   x P + 1/2 sum_i t_i (p_i q_i^T + q_i p_i^T) - V_l^T V_l >= 0,
    p_i = e_i - alpha v_i,   q_i = e_i - beta v_i,

where v_i is neuron i's row of V_k, placed in the block before, and P the identity of
the input's block; x = 1, t = 1 is feasible. Nothing that a solver says is believed: its
t is a guess for which the smallest L is computed and proven here, and its dual matrix
is made feasible before its value counts as a lower bound.
"""

import math
import warnings
from dataclasses import replace

import numpy as np
from scipy.linalg import LinAlgError, cholesky, eigh, solve_triangular
from scipy.sparse import csc_array

from sklip.bounds._chain import chain_of
from sklip.bounds._evidence import Evidence
from sklip.bounds._lipsdp.sequential import sequential_bound, sequential_passes
from sklip.bounds._norms import largest_eigenvalue
from sklip.bounds._proof import prove
from sklip.bounds._z import Z, neuron_scaling
from sklip.exceptions import CertificationWarning, InfeasibleCertificateError

__all__ = ["MAX_HIDDEN", "cvxpy_bound", "cvxpy_multipliers"]

# Hidden neurons up to which a general solver is asked: minutes, and gigabytes above.
MAX_HIDDEN = 200
_SOLVERS = ("CLARABEL", "SCS", "MOSEK", "SDPA", "CVXOPT")
# SCS by default violates the condition in the fourth digit and calls it optimal.
_OPTIONS = {"SCS": {"eps": 1e-6, "max_iters": 20_000}}
# t_i of a neuron that nothing depends on would be 0, but d_i must be positive.
_SMALLEST = 1e-12
# Solvers stop at errors of about 1e-8, which must be small beside x: where x is below
# this, the problem is scaled by the solution and solved again.
_WELL_SCALED = 0.1
_MAX_SCALINGS = 3
# Relative enlargements of the solver's t that are tried.
_REPAIRS = (0.0, *(10.0**k for k in range(-11, -1)))
# A fallback is worth a warning if the solver's dual leaves this much open.
_VISIBLE_GAP = 1e-4


def cvxpy_bound(network, *, solver=None):
    """Bound the l2 Lipschitz constant by LipSDP-Neuron through cvxpy, with a proof.

    Parameters
    ----------
    network : FeedForward
        The network, of at most 200 hidden neurons.
    solver : {"clarabel", "scs", "mosek", "sdpa", "cvxopt"}, default=None
        Installed SDP solver; None is Clarabel.

    Returns
    -------
    evidence : Evidence
        Never looser than the sequential bound; ``lower`` is the solver's dual value,
        made feasible.

    Raises
    ------
    ValueError
        If the network is too large, or the solver unknown or not installed.
    InfeasibleCertificateError
        If the solver failed, or its multipliers prove nothing.

    Notes
    -----
    Theorem 1 of paper 001 (P7) for any depth, one multiplier a neuron.

    Examples
    --------
    >>> from sklip.bounds import lipsdp_bound
    >>> from sklip.bounds._lipsdp.general_solver import cvxpy_bound
    >>> from sklip.networks import random_network
    >>> network = random_network([4, 8, 1], random_state=0)
    >>> ratio = cvxpy_bound(network).value / lipsdp_bound(network).value
    >>> bool(abs(ratio - 1.0) < 1e-5)
    True
    """
    chain = chain_of(network)
    _check_size(chain)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CertificationWarning)
        cheaper = sequential_bound(network)
    if len(chain) == 1 or any(not np.any(w) for w in chain.weights):
        # One matrix after merging, or a constant network: nothing is left to solve.
        return replace(cheaper, method="lipsdp-cvxpy")
    solved, multipliers, lower = cvxpy_multipliers(chain, solver=solver)
    proven = _repaired(chain, solved, multipliers)
    if proven is not None and proven[0] < cheaper.value:
        lower = min(lower, proven[0])
        return Evidence.of_multipliers(
            *proven, "lipsdp-cvxpy", solved=solved, lower=lower
        )
    return _fallback(cheaper, min(lower, cheaper.value))


def _fallback(cheaper, lower):
    """The sequential bound; it may well be LipSDP's optimum."""
    if lower >= (1.0 - _VISIBLE_GAP) * cheaper.value:
        return replace(cheaper, method="lipsdp-cvxpy", lower=lower)
    if cheaper.method == "product":
        raise InfeasibleCertificateError(
            "The solver's multipliers could not be proven in float64: the weights are "
            "too extreme. Rescale them, or use method='product'."
        )
    warnings.warn(
        "What the solver found is no better than the sequential bound once it is "
        "proven: that is returned. Use method='lipsdp'.",
        CertificationWarning,
        stacklevel=3,
    )
    return cheaper


def cvxpy_multipliers(chain, *, solver=None):
    """Solve LipSDP-Neuron with a general solver; a guess, not a proof.

    Parameters
    ----------
    chain : Chain
        At least two matrices, none of them zero.
    solver : str, default=None
        As in :func:`cvxpy_bound`.

    Returns
    -------
    lipschitz : float
        The solver's L.
    multipliers : tuple of ndarray
        Its d_1 ... d_l.
    lower : float
        Lower bound of L over all multipliers, from the solver's dual matrix.
    """
    _check_size(chain)
    name = _solver_name(solver)
    lipschitz, multipliers = _start(chain)
    lower = 0.0
    for _ in range(_MAX_SCALINGS):
        scaled = _scaled_blocks(chain, lipschitz, multipliers)
        x, t, dual = _solve(scaled, chain.sectors, name)
        dual_value = _dual_value(dual, scaled, chain.sectors)
        lower = max(lower, lipschitz * math.sqrt(dual_value) * (1.0 - 1e-10))
        lipschitz *= math.sqrt(x)
        t = np.split(np.sqrt(np.maximum(t, _SMALLEST)), _ends(multipliers))
        multipliers = tuple(d * r for d, r in zip(multipliers, t, strict=True))
        if x > _WELL_SCALED:
            break
    return lipschitz, multipliers, lower


def _ends(multipliers):
    return np.cumsum([len(d) for d in multipliers])[:-1]


def _check_size(chain):
    n_hidden = sum(len(w) for w in chain.weights[:-1])
    if n_hidden > MAX_HIDDEN:
        raise ValueError(
            f"method='lipsdp-cvxpy' is for at most {MAX_HIDDEN} hidden neurons, the "
            f"network has {n_hidden}: use method='lipsdp', which solves the same "
            "problem."
        )


def _solver_name(solver):
    import cvxpy

    if solver is None:
        return "CLARABEL"
    installed = [name for name in _SOLVERS if name in cvxpy.installed_solvers()]
    name = solver.upper() if isinstance(solver, str) else solver
    if name not in installed:
        known = ", ".join(repr(s.lower()) for s in _SOLVERS)
        raise ValueError(
            f"solver must be None or one of {known}, and installed, got {solver!r}; "
            f"installed here: {', '.join(repr(s.lower()) for s in installed)}. "
            "method='lipsdp' needs none."
        )
    return name


def _start(chain):
    """(L_0, [d_1 ... d_l]) of the sequential bound; the problem is scaled by it."""
    passes = sequential_passes(chain)
    if not passes or not 0.0 < passes[0][0] < np.inf:
        raise InfeasibleCertificateError(
            "The weights are too extreme for an SDP solver: rescale them, or use "
            "method='product'."
        )
    return passes[0]


def _scaled_blocks(chain, lipschitz, multipliers):
    """V_k in these units; of a wide input W_0 = R Q only R, with Q Q^T = I."""
    scaled = Z.of(chain, lipschitz, multipliers).scaled(chain.weights)
    if scaled[0].shape[1] > len(scaled[0]):
        scaled[0] = np.linalg.qr(scaled[0].T, mode="r").T
    return scaled


def _solve(scaled, sectors, name):
    """(x, t, dual matrix) as the solver gives them; finite, x and max t positive."""
    import cvxpy

    columns, constant, n = _condition(scaled, sectors)
    unknowns = cvxpy.Variable(columns.shape[1], nonneg=True)
    matrix = cvxpy.reshape(columns @ unknowns - constant, (n, n), order="F")
    problem = cvxpy.Problem(cvxpy.Minimize(unknowns[0]), [matrix >> 0])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            problem.solve(solver=name, **_OPTIONS.get(name, {}))
    except (cvxpy.error.SolverError, ArithmeticError, ValueError) as error:
        raise _failed(name, error) from error
    values, dual = unknowns.value, problem.constraints[0].dual_value
    if values is None or not np.all(np.isfinite(values)) or not np.all(values[:2] > 0):
        raise _failed(name, f"status {problem.status!r}")
    if dual is None or not np.all(np.isfinite(dual)):
        dual = np.zeros((n, n))
    return float(values[0]), values[1:], dual


def _failed(name, why):
    return InfeasibleCertificateError(
        f"{name} did not solve LipSDP ({why}): use method='lipsdp', or 'sequential'."
    )


def _condition(scaled, sectors):
    """The condition as (columns @ (x, t) - constant) of length n^2, and n."""
    sizes = [v.shape[1] for v in scaled]
    starts = np.cumsum([0, *sizes])
    n = int(starts[-1])
    identity = np.zeros((n, n))
    np.fill_diagonal(identity[: sizes[0], : sizes[0]], 1.0)
    columns = [csc_array(identity.reshape(-1, 1))]
    for k, (a, b) in enumerate(sectors):
        for i, row in enumerate(scaled[k], starts[k + 1]):
            v = np.zeros(n)
            v[starts[k] : starts[k + 1]] = row
            e = np.zeros(n)
            e[i] = 1.0
            half = 0.5 * np.outer(e - a * v, e - b * v)
            columns.append(csc_array((half + half.T).reshape(-1, 1)))
    constant = np.zeros((n, n))
    constant[starts[-2] :, starts[-2] :] = scaled[-1].T @ scaled[-1]
    return _side_by_side(columns), constant.ravel(), n


def _side_by_side(columns):
    counts = np.cumsum([0, *(c.nnz for c in columns)])
    rows = np.concatenate([c.indices for c in columns])
    data = np.concatenate([c.data for c in columns])
    return csc_array((data, rows, counts), shape=(columns[0].shape[0], len(columns)))


def _dual_value(dual, scaled, sectors):
    """Lower bound of x from any matrix: it is made dual feasible by a scaling.

    A positive semidefinite X with tr X_00 = 1 and p_i^T X q_i <= 0 for all i proves
    x >= tr V_l X_ll V_l^T. Rows and columns of X are scaled neuron by neuron, first
    layer first, until the condition on p_i, q_i holds with equality.
    """
    x_matrix = _semidefinite(dual)
    starts = np.cumsum([0, *(v.shape[1] for v in scaled)])
    trace = np.trace(x_matrix[: starts[1], : starts[1]])
    if not trace > 0.0:
        return 0.0
    x_matrix /= trace
    for k, (a, b) in enumerate(sectors):
        before, block = (slice(*starts[i : i + 2]) for i in (k, k + 1))
        v = scaled[k]
        cross = np.sum(v * x_matrix[block, before], axis=1)
        square = np.sum((v @ x_matrix[before, before]) * v, axis=1)
        scale = neuron_scaling(
            np.diag(x_matrix)[block], (a + b) * cross, a * b * square
        )
        if scale is None:
            return 0.0
        x_matrix[block] *= scale[:, None]
        x_matrix[:, block] *= scale
    last = scaled[-1]
    return max(0.0, float(np.sum((last @ x_matrix[block, block]) * last)))


def _semidefinite(matrix):
    values, vectors = eigh(0.5 * (matrix + matrix.T))
    return (vectors * np.maximum(values, 0.0)) @ vectors.T


def _repaired(chain, solved, multipliers):
    """Proven (L, multipliers) near a solver's answer, or None.

    The multipliers are enlarged as little as makes the smallest L for them smallest.
    """
    scaled = _scaled_blocks(chain, solved, multipliers)
    candidates = []
    for repair in _REPAIRS:
        growth = [(1.0 + repair) ** (len(chain) - k) for k in range(1, len(chain))]
        try:
            ratio = _smallest_lipschitz(scaled, chain.sectors, growth)
        except LinAlgError:
            continue
        candidates.append((ratio * solved, growth))
    for lipschitz, growth in sorted(candidates, key=lambda candidate: candidate[0]):
        enlarged = tuple(g * d for g, d in zip(growth, multipliers, strict=True))
        proven = prove(chain, lipschitz, enlarged)
        if proven is not None:
            return proven
    return None


def _smallest_lipschitz(scaled, sectors, growth):
    """Smallest L for d_k = growth_k, blocks eliminated from the output backwards."""
    k_matrix = scaled[-1].T @ scaled[-1]
    for v, (a, b), g in zip(scaled[-2::-1], sectors[::-1], growth[::-1], strict=True):
        lower = cholesky(g * g * np.eye(len(k_matrix)) - k_matrix, lower=True)
        x = solve_triangular(lower, (0.5 * (a + b) * g * g) * v, lower=True)
        k_matrix = x.T @ x - (a * b * g * g) * (v.T @ v)
    largest = largest_eigenvalue(k_matrix)
    if not largest > 0.0:
        raise LinAlgError("The input's block is not positive.")
    return math.sqrt(largest)
