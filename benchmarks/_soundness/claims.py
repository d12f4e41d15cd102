# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What sklip claims of a model, and how many attacked points contradict it."""

import numpy as np
import torch

from sklip import (
    CertifiedIntervalRegressor,
    CertifiedRejectClassifier,
    FeedForward,
    certified_interval,
    certified_radius,
    verify_robustness,
)
from sklip.certification import is_certified

from .attack import Attack, outputs
from .report import asked, column_scale
from .slopes import slopes
from .specified import specified

__all__ = ["examine"]

_METHODS = ("product", "pairwise", "sequential", "lipsdp", "ibp", "crown", "local")
# Branch and bound takes most of the time.
_BEST = 0.3


def examine(case, rng, report):
    """Ask for certificates of the case and attack them; counts go to the report."""
    for norm in (1, 2, np.inf):
        units = _units(case, rng)
        if isinstance(case.model, CertifiedRejectClassifier):
            _rejected(case, norm, rng, report)
        elif isinstance(case.model, CertifiedIntervalRegressor):
            _meta_interval(case, norm, rng, report)
        elif case.classify:
            _radii(case, norm, units, rng, report)
            if rng.random() < _BEST:
                _verified(case, norm, units, rng, report)
        elif not isinstance(case.model, torch.nn.Module):
            _intervals(case, norm, units, rng, report)
        if case.moving is None:
            slopes(case, norm, rng, report)
    module = isinstance(case.model, torch.nn.Module)
    if isinstance(case.model, FeedForward) or not (case.classify or module):
        specified(case, rng, report)


def _units(case, rng):
    """Tolerances of the columns, perhaps one-sided; None for the units of X."""
    if isinstance(case.model, torch.nn.Module):
        return None
    if case.moving is None and rng.random() < 0.5:
        return None
    scale = column_scale(case.table)
    units = scale * 10.0 ** rng.uniform(-0.5, 0.5, (2, len(scale)))
    if rng.random() < 0.5:
        units[1] = units[0]
    else:
        # Some columns move one way only.
        shut = rng.random(len(scale)) < 0.4
        units[rng.integers(2, size=len(scale)), np.arange(len(scale))] *= ~shut
    if case.moving is not None:
        units[:, np.setdiff1d(np.arange(len(scale)), case.moving)] = 0.0
    return units


def _options(case, units):
    n = case.table.values.shape[1]
    if units is None:
        return np.ones(n), {}
    names = case.table.names or range(n)
    pairs = {
        name: float(down) if down == up else (float(down), float(up))
        for name, down, up in zip(names, *units, strict=True)
        if max(down, up) > 0.0
    }
    return units, {"feature_eps": pairs}


def _radii(case, norm, units, rng, report):
    units, options = _options(case, units)
    X = case.table.X
    flips = [False, True] if case.table.categories else [False]
    for flip in flips:
        question = {"norm": norm, **options}
        if flip:
            question["categorical"] = "flip"
        methods = list(rng.choice(_METHODS, 3, replace=False))
        if rng.random() < _BEST:
            methods.append("best")
        claims = {}
        for method in methods:
            found = asked(
                report, certified_radius, case.model, X, method=str(method), **question
            )
            if found is not None:
                claims[str(method)] = found
        if not claims:
            continue
        top = np.max(list(claims.values()), axis=0)
        if not flip and (top > 0).any():
            radius = float(np.median(top[top > 0]))
            if np.isfinite(radius):
                sure = asked(
                    report, is_certified, case.model, X, radius=radius, **question
                )
                if sure is not None:
                    claims["is_certified"] = np.where(sure, radius, 0.0)
        top = np.max(list(claims.values()), axis=0)
        if not (top > 0.0).any():
            continue
        here = outputs(case.judged, X)
        _same_class(case.model, X, here[:, 0], claims, question, report)
        for tried in Attack(case, norm, units, flip).run(top, rng):
            flipped = (tried.outputs != here).any(axis=2)
            for k, (method, radii) in enumerate(claims.items()):
                inside = tried.length * (1 + np.longdouble(1e-18)) < radii
                counted = tried.length < top if k == 0 else inside & False
                what = f"radius {method} norm {norm} {options} flip {flip}"
                report.count((radii > 0).sum(), counted, flipped & inside, what)


def _verified(case, norm, units, rng, report):
    """What the exact verifier says at one radius."""
    X, n = case.table.X, len(case.table.values)
    units, options = _options(case, units)
    scale = 1.0 if options else column_scale(case.table).min()
    radius = float(10.0 ** rng.uniform(-2, 0.5) * scale)
    options |= {"radius": radius, "norm": norm, "time_limit": 0.2}
    found = asked(report, verify_robustness, case.model, X, **options)
    if found is None:
        return
    sure = np.array([one.status == "verified" for one in found])
    here = outputs(case.judged, X)
    for tried in Attack(case, norm, units).run(np.full(n, radius), rng):
        flipped = (tried.outputs != here).any(axis=2)
        inside = sure & (tried.length <= radius)
        what = f"verified {options}"
        report.count(sure.sum(), inside, flipped & inside, what)


def _same_class(model, X, labels, claims, question, report):
    """A radius is about the class that predict gives."""
    method, radii = next(iter(claims.items()))
    bare = isinstance(model, FeedForward | torch.nn.Module)
    if bare or method == "is_certified":
        return
    given = asked(report, certified_radius, model, X, labels, method=method, **question)
    if given is not None:
        wrong = (radii > 0.0) & ~(given > 0.0)
        report.count(0, [[False]], wrong[None], f"class of {method} {question}")


def _intervals(case, norm, units, rng, report):
    units, options = _options(case, units)
    scale = 1.0 if options else column_scale(case.table).min()
    radius = float(10.0 ** rng.uniform(-4, 1) * scale)
    X = case.table.X
    claims = {}
    for method in (*rng.choice(_METHODS, 3, replace=False), "best"):
        question = {"radius": radius, "norm": norm, "method": str(method), **options}
        found = asked(report, certified_interval, case.model, X, **question)
        if found is not None:
            n = len(case.table.values)
            claims[str(method)] = [end.reshape(n, -1) for end in found]
    if claims:
        radii = np.full(len(case.table.values), radius)
        for tried in Attack(case, norm, units).run(radii, rng):
            _outside(tried, claims, radius, report, f"norm {norm} {options}")


def _outside(tried, claims, radius, report, what):
    """Count predictions that leave their intervals."""
    inside = tried.length <= radius
    for k, (method, (lower, upper)) in enumerate(claims.items()):
        wrong = (tried.outputs < lower) | (tried.outputs > upper)
        counted = inside if k == 0 else inside & False
        name = f"interval {method} radius {radius} {what}"
        report.count(len(lower), counted, wrong.any(axis=2) & inside, name)


def _rejected(case, norm, rng, report):
    """Answers stand at every point of the radius: the same one, or a rejection."""
    model = case.model
    if norm != model.norm:
        return
    answers = model.predict(case.table.X)
    sure = answers != model.reject_label
    radii = np.where(sure, model.radius, 0.0)
    for tried in Attack(case, norm, np.ones(case.table.values.shape[1])).run(
        radii, rng
    ):
        there = tried.outputs[:, :, 0]
        wrong = (there != answers) & (there != model.reject_label)
        inside = sure & (tried.length <= model.radius)
        report.count(sure.sum(), inside, inside & wrong, "answers of a reject")


def _meta_interval(case, norm, rng, report):
    model = case.model
    if norm != model.norm:
        return
    n = len(case.table.values)
    ends = [end.reshape(n, -1) for end in model.predict_interval(case.table.X)]
    radii = np.full(n, model.radius)
    for tried in Attack(case, norm, np.ones(case.table.values.shape[1])).run(
        radii, rng
    ):
        _outside(tried, {"meta": ends}, model.radius, report, f"norm {norm}")
