# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Bounds of slopes, global, local and by column, against differences of the scores."""

import numpy as np
import torch

from sklip import (
    CertifiedIntervalRegressor,
    CertifiedRejectClassifier,
    FeedForward,
    feature_slopes,
    lipschitz_bound,
    lipschitz_lower_bound,
    local_lipschitz_bound,
)

from .attack import Attack, scores
from .report import asked, column_scale

__all__ = ["slopes"]

_BOUNDS = ("product", "path", "sequential", "lipsdp-layer", "lipsdp")


def slopes(case, norm, rng, report):
    """Global and local bounds against quotients of the scores."""
    model, table = case.model, case.table
    if not _bounded_scores(model):
        return
    bounds = {}
    # Of two logits both, not their difference, as scores has them.
    both = {"output": "all"} if _has_two(model) else {}
    method = str(rng.choice(_BOUNDS if norm == 2 else _BOUNDS[:2]))
    for name in ("auto", method):
        found = asked(report, lipschitz_bound, model, method=name, norm=norm, **both)
        if found is not None:
            bounds[name] = np.full(len(table.values), found.value)
            _evidence(model, found, norm, rng, report)
    radius = float(10.0 ** rng.uniform(-3, 1) * column_scale(table).min())
    if not isinstance(model, torch.nn.Module):
        options = {"radius": radius, "norm": norm}
        found = asked(report, local_lipschitz_bound, model, table.X, **options)
        if found is not None:
            bounds["local"] = found
    if bounds:
        attack = Attack(case, norm, np.ones(table.values.shape[1]))
        radii = np.full(len(table.values), radius)
        for tried in attack.run(radii, rng, labels=False, score=True):
            _quotients(case, norm, radius, tried, bounds, report)
    if norm == 2 and not isinstance(model, torch.nn.Module):
        _single_columns(case, radius, both, rng, report)


def _quotients(case, norm, radius, tried, bounds, report):
    """Changes of the scores between the row and a moved one, and between two moved."""
    here = scores(case.model, case.table.X)
    # decision_function of two classes is a difference of two outputs.
    factor = 2.0 ** (1.0 - 1.0 / norm) if here.shape[1] == 1 else 1.0
    inside = tried.length <= radius
    apart = np.linalg.norm(np.diff(tried.moved.astype(float), axis=0), norm, axis=2)
    pairs = [
        (tried.scores, here[None], tried.length.astype(np.float64), inside),
        (tried.scores[1:], tried.scores[:-1], apart, inside[1:] & inside[:-1]),
    ]
    values = np.nanmax(np.abs(case.table.values), axis=1, initial=0.0)
    for first, second, length, counted in pairs:
        with np.errstate(all="ignore"):
            change = np.linalg.norm(first - second, ord=norm, axis=2)
            size = np.abs(first).max(axis=2) + np.abs(second).max(axis=2)
        counted = counted & np.isfinite(change)
        for k, (name, bound) in enumerate(bounds.items()):
            # What rounding may add to a difference.
            room = _unit(case.model, case.table) * (bound * values + size)
            wrong = change > factor * bound * length * (1.0 + 1e-9) + room
            new = counted if k == 0 else np.zeros(counted.shape, bool)
            report.count(len(bound), new, wrong & counted, f"bound {name} norm {norm}")


def _has_two(model):
    """Whether it is a network of two logits, which it hands out."""
    return isinstance(model, FeedForward) and model.n_outputs == 2


def _single_columns(case, radius, both, rng, report):
    """Slopes in single columns against the same moves."""
    found = asked(report, feature_slopes, case.model, **both)
    if found is None:
        return
    n = case.table.values.shape[1]
    steep = np.nan_to_num(found[:n])
    attack = Attack(case, np.inf, np.ones(n))
    here = scores(case.model, case.table.X)
    values = np.nan_to_num(np.abs(case.table.values))
    for tried in attack.run(np.full(len(here), radius), rng, labels=False, score=True):
        with np.errstate(all="ignore"):
            change = np.linalg.norm(tried.scores - here, axis=2)
            size = np.abs(tried.scores).max(axis=2) + np.abs(here).max(axis=1)
        moves = np.abs(tried.moved).astype(np.float64)
        room = _unit(case.model, case.table) * (values @ steep + size)
        wrong = change > (moves @ steep) * (1.0 + 1e-9) + room
        known = np.isfinite(change)
        report.count(n, known, wrong & known, "slopes of single columns")


def _evidence(model, found, norm, rng, report):
    """A network's certificate verifies, and no search reaches beyond it."""
    if not isinstance(model, FeedForward):
        return
    wrong = not found.verify(model)
    if norm == 2 and not wrong:
        lower = lipschitz_lower_bound(
            model, n_restarts=1, random_state=rng.integers(99)
        )
        wrong = float(lower) > found.value
    what = f"evidence of {found.method} norm {norm}"
    report.count(1, [[False]], [[wrong]], what)


def _bounded_scores(model):
    """Whether the scores are what lipschitz_bound speaks of."""
    if isinstance(model, FeedForward | torch.nn.Module):
        return True
    around = (CertifiedRejectClassifier, CertifiedIntervalRegressor)
    if isinstance(model, around):
        return False
    text = str(type(model)) + "".join(
        str(type(s[1])) for s in getattr(model, "steps", ())
    )
    averaged = any(word in text for word in ("Threshold", "Voting", "Bagging"))
    return not averaged or not hasattr(model, "classes_")


def _unit(model, table):
    """Relative rounding of a score, generously; bounds speak of exact arithmetic."""
    last = model.steps[-1][1] if hasattr(model, "steps") else model
    if table.form == "float32" or hasattr(last, "module_"):
        return 1e-5
    # A support vector machine adds up large terms that cancel.
    return 1e-9 if hasattr(last, "support_vectors_") else 1e-12
