# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Radii of classifiers with a torch module: product of norms, or a certificate."""

import numpy as np

from sklip._floats import rounded_down, rounded_up
from sklip.bounds import as_proven_bound
from sklip.certification._module_decisions import ModuleDecisions
from sklip.certification._pairs import norm_ratio

__all__ = ["module_radii"]


@ModuleDecisions.proven_by
def module_radii(decisions, norm, method, needed=np.inf):
    """Radii about the targets."""
    if isinstance(method, str) and method not in ("best", "product"):
        raise ValueError(
            f"method={method!r} needs the fully connected network of module=None: "
            "for a module use 'product' or 'best'."
        )
    return product_radii(decisions, norm, method).min(axis=1)


def product_radii(decisions, norm, method):
    """Radii for each other class from one constant of all logit differences."""
    error, growth = decisions.rounding()
    # Two logits err by at most sqrt(2) times the l2 error, here and at the far end.
    with np.errstate(invalid="ignore"):
        gaps = decisions.gaps() - 3.0 * error[:, None]
    n = decisions.n_mutable
    growth = 1.5 * growth * (norm_ratio(2, norm, n) if n else 0.0)
    constant = _constant(decisions, norm, method) if n else 0.0
    sure = (gaps > 0.0).all(axis=1)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        radii = np.where(sure[:, None], gaps, 0.0) / (constant + growth)
    radii[~sure] = 0.0
    radii[np.isposinf(decisions.gaps())] = np.inf
    return rounded_down(radii)


def _constant(decisions, norm, method):
    """Constant of every logit difference in a norm (Theorem 2 of paper 000, A8)."""
    n = decisions.n_mutable
    if isinstance(method, str):
        view = decisions.view
        found = [(p, view.product(p), 2.0 ** (1.0 - 1.0 / p)) for p in {norm, 2}]
    else:
        found = [(method.norm, method.value, _factor(decisions, method))]
    values = [value * factor * norm_ratio(p, norm, n) for p, value, factor in found]
    return float(rounded_up(min(values)))


def _factor(decisions, certificate):
    """What a certificate is multiplied by for differences of two logits."""
    view, p = decisions.view, as_proven_bound(certificate).norm
    own_units = np.array_equal(view.units, view.base_units)
    if own_units and certificate.verify(decisions.model, output="all"):
        return 2.0 ** (1.0 - 1.0 / p)
    if own_units and certificate.verify(decisions.model):
        # Of two classes, of the difference itself.
        return 1.0
    raise ValueError(
        "The certificate is not one of this model, in units of feature_eps where that "
        "is given, or proves no bound. Get one by lipschitz_bound(model)."
    )
