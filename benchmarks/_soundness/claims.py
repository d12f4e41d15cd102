# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What sklip claims of a model, and how many attacked points contradict it."""

from dataclasses import dataclass, field

import numpy as np
import torch

from sklip import (
    CertifiedIntervalRegressor,
    CertifiedRejectClassifier,
    FeedForward,
    certified_interval,
    certified_radius,
    lipschitz_bound,
    lipschitz_lower_bound,
    local_lipschitz_bound,
)
from sklip.certification import is_certified

from .attack import Attack, outputs, scores

__all__ = ["Report", "examine"]

_METHODS = ("product", "pairwise", "sequential", "lipsdp", "ibp", "crown", "local")
# Branch and bound takes most of the time.
_BEST = 0.3
_BOUNDS = ("product", "path", "sequential", "lipsdp-layer", "lipsdp")


@dataclass
class Report:
    """Counts of one case.

    Attributes
    ----------
    claims : int
        Radii above zero, intervals and bounds that were attacked.
    points : int
        Attacked points inside at least one claim.
    violations : int
        Points that contradict a claim; one for each claim.
    notes : list of str
        Refusals and what was contradicted.
    """

    claims: int = 0
    points: int = 0
    violations: int = 0
    notes: list = field(default_factory=list)

    def count(self, claims, inside, wrong, what):
        """Add the points inside claims and those of them that contradict one."""
        self.claims += int(claims)
        self.points += int(np.count_nonzero(inside))
        n_wrong = int(np.count_nonzero(wrong))
        self.violations += n_wrong
        if n_wrong:
            rows = np.unique(np.nonzero(wrong)[1]).tolist()
            self.notes.append(f"VIOLATED {what}: {n_wrong} points, rows {rows}")


def examine(case, rng, report):
    """Ask for certificates of the case and attack them; counts go to the report."""
    for norm in (1, 2, np.inf):
        scale = _scale(case.table)
        units = scale * 10.0 ** rng.uniform(-0.5, 0.5, len(scale))
        in_units = rng.random() < 0.5 and not isinstance(case.model, torch.nn.Module)
        if isinstance(case.model, CertifiedRejectClassifier):
            _rejected(case, norm, rng, report)
        elif isinstance(case.model, CertifiedIntervalRegressor):
            _meta_interval(case, norm, rng, report)
        elif isinstance(case.model, torch.nn.Module):
            pass
        elif case.classify:
            _radii(case, norm, units if in_units else None, rng, report)
        else:
            _intervals(case, norm, units if in_units else None, rng, report)
        _slopes(case, norm, rng, report)


def _scale(table):
    """A typical size of each column's moves."""
    spread = np.nanstd(table.values, axis=0)
    return np.where(spread > 0.0, spread, 1.0)


def _asked(report, function, *args, **kwargs):
    """The answer; None and a note if it is refused."""
    try:
        with np.errstate(all="ignore"):
            return function(*args, **kwargs)
    except (ValueError, TypeError, OverflowError) as error:
        note = f"{function.__name__}: {type(error).__name__}: {str(error)[:100]}"
        if note not in report.notes:
            report.notes.append(note)
        return None


def _options(case, units):
    if units is None:
        return np.ones(case.table.values.shape[1]), {}
    names = case.table.names or range(len(units))
    return units, {"feature_eps": dict(zip(names, units.tolist(), strict=True))}


def _radii(case, norm, units, rng, report):
    units, options = _options(case, units)
    X = case.table.X
    flips = [False, True] if case.table.categories else [False]
    for flip in flips:
        asked = {"norm": norm, **options}
        if flip:
            asked["categorical"] = "flip"
        methods = list(rng.choice(_METHODS, 3, replace=False))
        if rng.random() < _BEST:
            methods.append("best")
        claims = {}
        for method in methods:
            found = _asked(
                report, certified_radius, case.model, X, method=str(method), **asked
            )
            if found is not None:
                claims[str(method)] = found
        if not claims:
            continue
        top = np.max(list(claims.values()), axis=0)
        if not flip and (top > 0).any():
            radius = float(np.median(top[top > 0]))
            if np.isfinite(radius):
                sure = _asked(
                    report, is_certified, case.model, X, radius=radius, **asked
                )
                if sure is not None:
                    claims["is_certified"] = np.where(sure, radius, 0.0)
        top = np.max(list(claims.values()), axis=0)
        if not (top > 0.0).any():
            continue
        here = outputs(case.model, X)
        _same_class(case.model, X, here[:, 0], claims, asked, report)
        for tried in Attack(case, norm, units, flip).run(top, rng):
            flipped = (tried.outputs != here).any(axis=2)
            for k, (method, radii) in enumerate(claims.items()):
                inside = tried.length * (1 + np.longdouble(1e-18)) < radii
                counted = tried.length < top if k == 0 else inside & False
                what = f"radius {method} norm {norm} {options} flip {flip}"
                report.count((radii > 0).sum(), counted, flipped & inside, what)


def _same_class(model, X, labels, claims, asked, report):
    """A radius is about the class that predict gives."""
    method, radii = next(iter(claims.items()))
    if isinstance(model, FeedForward) or method == "is_certified":
        return
    given = _asked(report, certified_radius, model, X, labels, method=method, **asked)
    if given is not None:
        wrong = (radii > 0.0) & ~(given > 0.0)
        report.count(0, [[False]], wrong[None], f"class of {method} {asked}")


def _intervals(case, norm, units, rng, report):
    units, options = _options(case, units)
    scale = 1.0 if options else _scale(case.table).min()
    radius = float(10.0 ** rng.uniform(-4, 1) * scale)
    X = case.table.X
    claims = {}
    for method in (*rng.choice(_METHODS, 3, replace=False), "best"):
        asked = {"radius": radius, "norm": norm, "method": str(method), **options}
        found = _asked(report, certified_interval, case.model, X, **asked)
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


def _slopes(case, norm, rng, report):
    """Global and local bounds against quotients of the scores."""
    model, table = case.model, case.table
    if not _bounded_scores(model):
        return
    bounds = {}
    method = str(rng.choice(_BOUNDS if norm == 2 else _BOUNDS[:2]))
    for name in ("auto", method):
        found = _asked(report, lipschitz_bound, model, method=name, norm=norm)
        if found is not None:
            bounds[name] = np.full(len(table.values), found.value)
            _evidence(model, found, norm, rng, report)
    radius = float(10.0 ** rng.uniform(-3, 1) * _scale(table).min())
    if not isinstance(model, torch.nn.Module):
        options = {"radius": radius, "norm": norm}
        found = _asked(report, local_lipschitz_bound, model, table.X, **options)
        if found is not None:
            bounds["local"] = found
    if not bounds:
        return
    here = scores(model, table.X)
    # decision_function of two classes is a difference of two outputs.
    factor = 2.0 ** (1.0 - 1.0 / norm) if here.shape[1] == 1 else 1.0
    n_numeric = table.values.shape[1]
    attack = Attack(case, norm, np.ones(n_numeric))
    radii = np.full(len(here), radius)
    for tried in attack.run(radii, rng, labels=False, score=True):
        length = tried.length.astype(np.float64)
        with np.errstate(all="ignore"):
            change = np.linalg.norm(tried.scores - here, ord=norm, axis=2)
            size = np.abs(tried.scores).max(axis=2) + np.abs(here).max(axis=1)
        unit = _unit(model, table)
        for k, (name, bound) in enumerate(bounds.items()):
            # What rounding may add to a difference.
            room = bound * np.nanmax(np.abs(table.values), axis=1, initial=0.0) + size
            wrong = change > factor * bound * length * (1.0 + 1e-9) + unit * room
            counted = length <= radius if k == 0 else np.zeros(length.shape, bool)
            wrong &= (length <= radius) & np.isfinite(change)
            report.count(len(bound), counted, wrong, f"bound {name} norm {norm}")


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
