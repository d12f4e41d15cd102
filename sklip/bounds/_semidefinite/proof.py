# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""A bound that given multipliers prove, rounding accounted for."""

import numpy as np

from sklip._floats import FLOOR, SAFETY, gamma

__all__ = ["proven_lower"]


def proven_lower(form, x):
    """Lower bound of the goal wherever the relaxation holds; -inf if there is none.

    No entry of y exceeds one, so a form with matrix E is at least minus the sum of the
    entries of abs(E) there.

    Parameters
    ----------
    form : MultiplierForm
        Of the relaxation.
    x : ndarray
        Bound and multipliers, any at all: how they were found does not matter.
    """
    relaxation = form.relaxation
    signed = ~form.is_free
    x = np.where(signed, np.maximum(x, 0.0), x)
    matrix = form.matrix(x)
    if not np.isfinite(matrix).all():
        return -np.inf
    try:
        factor = np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return -np.inf
    n, lost = form.n, np.abs(matrix - factor @ factor.T).sum()
    lost += gamma(n) * (np.abs(factor).sum(axis=0) ** 2).sum()
    # Of the matrix itself, the products of forms that are off, and the goal.
    sizes, errors = np.abs(relaxation.forms).sum(axis=1), relaxation.errors
    weights = np.abs(form.multipliers(x))
    a, b, goal = form.first, form.second, relaxation.goal
    terms = weights * sizes[a] * sizes[b]
    total = terms.sum() + sizes[goal] + (n + 1.0) * np.abs(x[-1])
    lost += gamma(len(sizes) + len(a)) * (total + FLOOR)
    lost += (
        weights * (errors[a] * (sizes[b] + errors[b]) + errors[b] * sizes[a])
    ).sum()
    lower = x[0] - SAFETY * (lost + errors[goal])
    return float(lower) if np.isfinite(lower) else -np.inf
