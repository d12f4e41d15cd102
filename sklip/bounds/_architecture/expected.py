# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""How steep a random network is, from its architecture alone: estimates, no proofs."""

import numpy as np

from sklip._arguments import check_option
from sklip.bounds._architecture.mean_field import Architecture, normal_expectation_rule
from sklip.bounds._architecture.random_matrix import expected_log_norm
from sklip.bounds._estimate import LipschitzEstimate
from sklip.networks import get_activation

__all__ = ["expected_lipschitz", "jacobian_variance"]

_METHODS = ("free", "corrected", "paper")
# "auto" and "best" name the formula that comes nearest.
_NEAREST = ("auto", "best")


def expected_lipschitz(
    layer_sizes, *, gain=1.0, activation="relu", method="free", input_rms=1.0
):
    """Estimate the Jacobian's spectral norm of a random network by its architecture.

    Parameters
    ----------
    layer_sizes : sequence of int
        Number of units, input and output included; two sizes make a linear map.
    gain : float or sequence of float, default=1.0
        Xavier gain: weights have variance ``2 gain**2 / (n_in + n_out)``. One for each
        weight matrix after training, see :func:`measured_gain`.
    activation : str or sequence of str, default="relu"
        One name for all hidden layers, or one for each.
    method : {"free", "corrected", "paper", "auto", "best"}, default="free"
        "free": edge of the spectrum of the product of random matrices that J is, with
        its corrections for finite width. "corrected": the paper's formula with the
        right variance, as if the entries of J were independent. "paper": (13) of paper
        000 as printed, for one hidden width; wrong by a factor that grows with depth.
        "auto" and "best" are "free".
    input_rms : float, default=1.0
        Root mean square of the entries of an input. ReLU, leaky ReLU and identity
        networks do not depend on it, nor does "paper".

    Returns
    -------
    estimate : LipschitzEstimate
        Of kind ``"estimate"``: expected ``||J(x)||_2`` at a typical x, not a bound of
        the Lipschitz constant, and refused wherever a proof is needed.

    Raises
    ------
    ValueError
        If an argument is out of range, or "paper" is asked for a network without
        hidden layers or with different hidden widths, for which (13) says nothing.

    See Also
    --------
    lipschitz_bound : A proven bound of a given network.
    jacobian_variance : Variance of a single entry of J.

    Notes
    -----
    Items A15 to A17 of paper 000. (13) takes ``VAR[slope]`` where ``E[slope**2]`` is
    right (A14), and treats dependent entries as independent (A16). With inputs n,
    outputs m, hidden widths d_k, weight variances v_k and ``q_k**2 = E[slope**2]``,
    "free" minimises over w > 0

        ``prod(v_k) * (n + w) * (m + w) / w * prod(h_k(w))``

    where h_k(w) is d_k / 2 + w for ReLU, d_k + w for identity and comes from a scalar
    equation for all others, then adds the mean of the Tracy-Widom law at this edge and
    what the randomness of finitely many slopes does.

    Examples
    --------
    >>> from sklip.bounds import expected_lipschitz
    >>> sizes = [784, 256, 256, 256, 10]
    >>> for method in ("paper", "corrected", "free"):
    ...     print(f"{float(expected_lipschitz(sizes, gain=2.0, method=method)):.2f}")
    3.79
    10.72
    13.73
    """
    method = _check_method(method, _METHODS)
    architecture = Architecture(layer_sizes, gain, activation, input_rms)
    if method == "free":
        log_norm = expected_log_norm(architecture)
    else:
        log_norm = 0.5 * _log_variance(architecture, method) + np.log(
            np.sqrt(architecture.sizes[0]) + np.sqrt(architecture.sizes[-1])
        )
    return LipschitzEstimate(_exp(log_norm), "estimate", method)


def jacobian_variance(
    layer_sizes, *, gain=1.0, activation="relu", method="corrected", input_rms=1.0
):
    """Variance of the entries of a random network's Jacobian.

    Parameters
    ----------
    layer_sizes : sequence of int
        Number of units, input and output included.
    gain : float or sequence of float, default=1.0
        Xavier gain, one for all or one for each weight matrix.
    activation : str or sequence of str, default="relu"
        One name for all hidden layers, or one for each.
    method : {"corrected", "paper", "auto", "best"}, default="corrected"
        "corrected": ``prod(v_k) * prod(d_k * E[slope_k**2])`` for any widths. "paper":
        (12) of paper 000 as printed, for one hidden width. "auto" and "best" are
        "corrected".
    input_rms : float, default=1.0
        Root mean square of the entries of an input; see :func:`expected_lipschitz`.

    Returns
    -------
    variance : float
        Their mean is zero.

    Raises
    ------
    ValueError
        As for :func:`expected_lipschitz`.

    Notes
    -----
    Items A14 and A15 of paper 000: it prints ``VAR[slope]``, which is zero for a linear
    network, for ``E[slope**2]``.

    Examples
    --------
    >>> from sklip.bounds import jacobian_variance
    >>> round(jacobian_variance([20, 50, 10], activation="identity"), 4)
    0.0476
    >>> jacobian_variance([20, 50, 10], activation="identity", method="paper")
    0.0
    """
    method = _check_method(method, _METHODS[1:])
    architecture = Architecture(layer_sizes, gain, activation, input_rms)
    return _exp(_log_variance(architecture, method))


def _log_variance(architecture, method):
    if method == "corrected":
        return architecture.log_variance()
    n, *hidden, m = architecture.sizes
    names = {activation.name for activation in architecture.activations}
    if len(set(hidden)) != 1 or len(names) != 1:
        raise ValueError(
            "method='paper' is printed for one hidden width and one activation, got "
            f"layer_sizes {architecture.sizes} with {sorted(names) or 'no activation'}."
            " Use method='corrected' or 'free'."
        )
    d, depth = hidden[0], len(architecture.gains)
    q_squared = _variance_of_slope(names.pop())
    if q_squared <= 0.0:
        return -np.inf
    log_alpha = np.log(architecture.gains).sum() / depth
    head = np.log(4.0 * d) - np.log(float(d + n)) - np.log(float(d + m))
    return head + 2 * depth * log_alpha + (depth - 1) * np.log(q_squared)


def _variance_of_slope(name):
    """VAR[slope(x)] for x ~ N(0, 1): what the paper calls q squared."""
    nodes, weights = normal_expectation_rule(1.0)
    slopes = get_activation(name).derivative(nodes)
    variance = float(weights @ (slopes - weights @ slopes) ** 2)
    return variance if variance > 1e-28 else 0.0


def _check_method(method, allowed):
    check_option(method, "method", (*allowed, *_NEAREST))
    return allowed[0] if method in _NEAREST else method


def _exp(log_value):
    with np.errstate(over="ignore", under="ignore"):
        return float(np.exp(log_value))
