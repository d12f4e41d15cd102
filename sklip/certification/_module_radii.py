# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Radii of classifiers with a torch module: product of norms, and inside balls."""

from dataclasses import fields

import numpy as np

from sklip._floats import rounded_down, rounded_up
from sklip.bounds import as_proven_bound
from sklip.certification._decisions import Decisions
from sklip.certification._local_radius import (
    best_radii,
    local_radii,
    settled_pairs,
)
from sklip.certification._module_decisions import ModuleDecisions
from sklip.certification._module_margins import ModuleMargins
from sklip.certification._pairs import LOCAL_METHODS, norm_ratio
from sklip.exceptions import UnsupportedModelError

__all__ = ["MODULE_METHODS", "as_network", "module_radii"]

# What bounds a torch module that is no stack of matrices.
MODULE_METHODS = ("product", *LOCAL_METHODS, "best")


@ModuleDecisions.proven_by
def module_radii(decisions, norm, method, needed=np.inf):
    """Radii about the targets."""
    if not isinstance(method, str):
        return product_radii(decisions, norm, method).min(axis=1)
    if method not in MODULE_METHODS:
        raise ValueError(
            f"method={method!r} needs a fully connected network: for a torch module of "
            f"other layers use {', '.join(map(repr, MODULE_METHODS))}."
        )
    apart = decisions.radii_apart(norm, method, needed)
    if apart is not None:
        return apart
    if method in LOCAL_METHODS:
        nothing = np.where(np.isposinf(decisions.gaps()), np.inf, 0.0)
        return local_radii(ModuleMargins(decisions, norm), method, nothing, needed)
    known = product_radii(decisions, norm, "product")
    if method == "best":
        network = as_network(decisions)
        if network is not None:
            found = network.radii(norm, "best", needed)
            known = np.maximum(known, found[:, None])
    if method == "product" or (known.min(axis=1) >= needed).all():
        return known.min(axis=1)
    return _best(decisions, norm, known, needed)


def _best(decisions, norm, known, needed):
    """The product, the slopes inside the ball, and lines: for each sample the best."""
    try:
        margins = ModuleMargins(decisions, norm)
    except UnsupportedModelError:
        # A layer that has a norm, but no bounds inside balls.
        return known.min(axis=1)
    if not margins.propagation.is_affordable:
        return known.min(axis=1)
    if np.isfinite(needed):
        return settled_pairs(margins, "best", known, needed).min(axis=1)
    return best_radii(margins, known)


def as_network(decisions, *, at_length=False):
    """The decisions of the module's FeedForward; None if it is none, or large."""
    view = decisions.view.as_network(at_length=at_length)
    if view is None:
        return None
    own = {f.name: getattr(decisions, f.name) for f in fields(Decisions)}
    own["view"], own["network"] = view, view.network
    own["logits"] = view.network.forward(decisions.inputs)
    return Decisions(**own)


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
