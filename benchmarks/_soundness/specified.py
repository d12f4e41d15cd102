# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Boxes and unsafe sets: what the verifier of specifications says, attacked."""

from dataclasses import replace

import numpy as np

from sklip import FeedForward
from sklip.certification import Specification, verify_specification

from .attack import Attack, scores
from .report import asked, column_scale

__all__ = ["specified"]

_TIME_LIMIT = 0.3


def specified(case, rng, report):
    """Ask about a box around each of some rows and attack "verified"."""
    if case.table.categories or case.moving is not None or case.judge is not None:
        return
    if case.table.form != "frame":
        # A specification is about float64, whatever the table's own type.
        case = replace(case, table=replace(case.table, form="array"))
    units = column_scale(case.table) * 10.0 ** rng.uniform(-2.0, 0.5)
    if not np.isfinite(case.table.values).all():
        return
    attack = Attack(case, np.inf, units)
    radii = np.ones(len(case.table.values))
    with np.errstate(all="ignore"):
        here = scores(case.model, case.table.X)
        tried = attack.run(radii, rng, labels=False, score=True)
    reached = np.concatenate([part.scores for part in tried])
    for i in range(0, len(here), 3):
        clauses = _clauses(rng, here[i], reached[:, i])
        lower, upper = case.table.values[i] - units, case.table.values[i] + units
        question = asked(report, Specification, lower, upper, clauses)
        if question is None:
            continue
        options = {"time_limit": _TIME_LIMIT}
        found = asked(report, verify_specification, case.model, question, **options)
        if found is None:
            return
        _judge(case, found, clauses, reached[:, i], (lower, upper), report)


def _clauses(rng, here, reached):
    """Polyhedra that the outputs found just meet, or just do not."""
    clauses = []
    for _ in range(rng.integers(1, 3)):
        a = rng.standard_normal((rng.integers(1, 3), len(here)))
        least = np.min(reached @ a.T, axis=0)
        size = np.max(np.abs(reached @ a.T - here @ a.T), axis=0)
        clauses.append((a, least + size * rng.normal(-0.3, 0.5, len(a))))
    return clauses


def _judge(case, found, clauses, reached, box, report):
    # How far each point is from each polyhedron: its most violated row.
    apart = np.min([np.max(reached @ a.T - b, axis=1) for a, b in clauses], axis=0)
    what = f"specification {found.status} lower {found.lower}"
    size = max(np.abs(a).max() for a, _ in clauses) * np.abs(reached).max()
    if found.status == "verified":
        wrong = apart < found.lower - 1e-12 * size
        wrong |= apart <= 0.0
        report.count(1, np.ones((len(apart), 1)), wrong[:, None], what)
    elif found.status == "falsified":
        point = np.asarray(found.point, dtype=np.float64)
        X = point[None] if _bare(case) else case.table.wrap(point[None], {})
        with np.errstate(all="ignore"):
            there = scores(case.model, X)[0]
        gap = min(np.max(a @ there - b) for a, b in clauses)
        outside = (point < box[0]).any() or (point > box[1]).any()
        report.count(1, [[True]], [[outside or gap > 1e-12 * size]], what)


def _bare(case):
    return isinstance(case.model, FeedForward)
