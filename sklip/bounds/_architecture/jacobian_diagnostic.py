# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Whether a Jacobian looks like the random matrix that the theory speaks of."""

from dataclasses import dataclass, field

import numpy as np
from scipy.special import ndtri

from sklip._arguments import as_random_state
from sklip.bounds._modules import view_of

__all__ = ["JacobianDiagnostic", "jacobian_diagnostic"]

_MAX_SAMPLES = 200
_DRAWS = 200
_QUANTILES = (np.arange(199) + 1.0) / 200.0
_TINY = np.finfo(float).tiny


@dataclass(frozen=True)
class JacobianDiagnostic:
    """Statistics of Jacobians beside those of independent entries.

    Parameters
    ----------
    statistics : dict of str to float
        ``"mean"`` (over the standard deviation), ``"skewness"``, ``"kurtosis"``
        (excess) of the entries; ``"row_correlation"``, ``"column_correlation"`` (root
        mean square between different rows or columns); ``"column_spread"``
        (coefficient of variation of the columns' norms); ``"edge"``: the largest
        singular value over ``std * (sqrt(n) + sqrt(m))``, which Theorem 3 says is 1.
        Each is the mean over the samples.
    reference : dict of str to (float, float)
        What lies between these happens with independent normal entries.
    theoretical, observed : ndarray of shape (199,)
        Quantiles of the normal law and of the standardised entries.
    norm : float
        Mean spectral norm of the Jacobians.

    Examples
    --------
    >>> from sklip.bounds import jacobian_diagnostic
    >>> from sklip.networks import random_network
    >>> linear = random_network([40, 10], random_state=0)
    >>> jacobian_diagnostic(linear, [[0.0] * 40], random_state=0).applies
    True
    """

    statistics: dict
    reference: dict
    theoretical: np.ndarray = field(repr=False)
    observed: np.ndarray = field(repr=False)
    norm: float

    @property
    def violated(self):
        """Names of the statistics outside their reference."""
        return [
            name
            for name, value in self.statistics.items()
            if not self.reference[name][0] <= value <= self.reference[name][1]
        ]

    @property
    def applies(self):
        """Whether nothing speaks against independent, equally distributed entries."""
        return not self.violated


def jacobian_diagnostic(model, X, *, random_state=None):
    """Compare the Jacobian's entries at samples with independent ones.

    Parameters
    ----------
    model : FeedForward, torch module, fitted estimator or Pipeline
        Anything that :func:`sklip.networks.network_view` accepts, or a torch module.
    X : {array-like, DataFrame} of shape (n_samples, n_features)
        Where to take the Jacobian; at most 200 of the samples are used.
    random_state : int, RandomState instance or None, default=None
        Seed of the choice of samples and of the reference.

    Returns
    -------
    diagnostic : JacobianDiagnostic
        Its ``applies`` says whether Theorem 3 of paper 000 may be used; ``violated``
        names what stands against it.

    Raises
    ------
    ValueError
        If the Jacobian has a single entry, or vanishes at every sample.

    Notes
    -----
    Item A19 of paper 000, which assumes it and leaves the test open. The theorem asks
    for independent entries of one law with finite fourth moment; the paper asks for a
    vanishing third moment instead, which is neither needed nor enough. The reference
    is the range over 200 matrices of independent normal entries of the same shape.

    Examples
    --------
    >>> import numpy as np
    >>> from sklip.bounds import jacobian_diagnostic
    >>> from sklip.networks import random_network
    >>> network = random_network([40, 20, 20, 20, 10], random_state=0)
    >>> X = np.random.RandomState(0).standard_normal((20, 40))
    >>> "edge" in jacobian_diagnostic(network, X, random_state=0).violated
    True
    """
    rng = as_random_state(random_state)
    view = view_of(model, X)
    samples = view.encode(X)
    if len(samples) > _MAX_SAMPLES:
        samples = samples[rng.choice(len(samples), _MAX_SAMPLES, replace=False)]
    jacobians = view.network.jacobian(samples)[:, :, view.mutable]
    if jacobians[0].size < 2:
        raise ValueError("The Jacobian has a single entry: it has no distribution.")
    jacobians = jacobians[np.any(jacobians != 0.0, axis=(1, 2))]
    if len(jacobians) == 0:
        raise ValueError("The Jacobian vanishes at every sample of X.")
    drawn = [
        _statistics(rng.standard_normal(jacobians[0].shape)) for _ in range(_DRAWS)
    ]
    measured = [_statistics(jacobian) for jacobian in jacobians]
    standardised = [_standardised(jacobian).ravel() for jacobian in jacobians]
    return JacobianDiagnostic(
        {name: float(np.mean([m[name] for m in measured])) for name in measured[0]},
        {name: _range([d[name] for d in drawn]) for name in drawn[0]},
        ndtri(_QUANTILES),
        np.mean([np.quantile(z, _QUANTILES) for z in standardised], axis=0),
        float(np.mean([np.linalg.norm(jacobian, 2) for jacobian in jacobians])),
    )


def _range(values):
    """From the smallest to the largest, and a little more on each side."""
    low, high = min(values), max(values)
    slack = 0.1 * (high - low) + 1e-12
    return float(low - slack), float(high + slack)


def _standardised(jacobian):
    return (jacobian - jacobian.mean()) / max(jacobian.std(), _TINY)


def _statistics(jacobian):
    z = _standardised(jacobian)
    m, n = jacobian.shape
    columns = np.linalg.norm(jacobian, axis=0)
    edge = jacobian.std() * (np.sqrt(n) + np.sqrt(m))
    return {
        "mean": jacobian.mean() / max(jacobian.std(), _TINY),
        "skewness": np.mean(z**3),
        "kurtosis": np.mean(z**4) - 3.0,
        "row_correlation": _correlation(jacobian),
        "column_correlation": _correlation(jacobian.T),
        "column_spread": columns.std() / columns.mean(),
        "edge": np.linalg.norm(jacobian, 2) / max(edge, _TINY),
    }


def _correlation(matrix):
    """Root mean square cosine between different rows, zero rows left out."""
    norms = np.linalg.norm(matrix, axis=1)
    unit = matrix[norms > 0.0] / norms[norms > 0.0, None]
    k = len(unit)
    if k < 2:
        return 0.0
    # ||U U'||_F = ||U' U||_F: the smaller of the two.
    gram = unit @ unit.T if k <= unit.shape[1] else unit.T @ unit
    return np.sqrt(max(0.0, np.sum(gram**2) - k) / (k * (k - 1)))
