# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What may change, by how much, and what a radius of one means."""

import difflib
import math
from dataclasses import dataclass

import numpy as np

from sklip._cli._errors import JobError, shown

__all__ = ["Threat", "threat_of"]

_BALLS = {
    1: "sum_j |delta_j| / {unit}_j <= r",
    2: "sqrt(sum_j (delta_j / {unit}_j)^2) <= r",
    math.inf: "|delta_j| <= r * {unit}_j for every one of them",
}


@dataclass(frozen=True)
class Threat:
    """The perturbations that all radii speak of."""

    # Numeric column to what a radius of one lets it change: a number, or a pair for
    # down and up. Other columns do not move.
    eps: dict
    norm: float = 2  # {1, 2, inf}: how the changes of several columns add up
    # Whether --tolerance names the columns; else all of them move, each in its standard
    # deviation.
    stated: bool = False

    @property
    def unit(self):
        """What a radius of one is, in words."""
        if self.stated:
            return "tolerances"
        return "standard deviations of the features"

    @property
    def short_unit(self):
        """The unit of one feature, for a sentence about the bound."""
        return "tolerance" if self.stated else "standard deviation of the features"

    def describe(self):
        """Sentences of the report."""
        if not self.stated:
            ball = _BALLS[self.norm].format(unit="std")
            return (
                "The radius is a multiple of each feature's standard deviation in the "
                "training rows: at radius r the numeric features may change by any "
                f"delta with {ball}."
            )
        ball = _BALLS[self.norm].format(unit="tolerance")
        moves = "; ".join(self._moves())
        return (
            "The radius is a multiple of the tolerances, and nothing else changes: at "
            f"radius r these columns may change by any delta with {ball} ({moves})."
        )

    def _moves(self):
        for name, eps in self.eps.items():
            if isinstance(eps, tuple):
                yield f"{name!r} {eps[0]:g} down and {eps[1]:g} up"
            else:
                yield f"{name!r} {eps:g}"

    def as_json(self):
        """Fields for a file."""
        return {
            "norm": "inf" if self.norm == math.inf else int(self.norm),
            "stated": self.stated,
            "eps": {
                name: list(eps) if isinstance(eps, tuple) else float(eps)
                for name, eps in self.eps.items()
            },
        }

    @classmethod
    def from_json(cls, fields):
        """What :meth:`as_json` wrote."""
        eps = {
            name: tuple(e) if isinstance(e, list) else e
            for name, e in fields["eps"].items()
        }
        norm = math.inf if fields["norm"] == "inf" else fields["norm"]
        return cls(eps, norm, fields["stated"])


def threat_of(tolerance, norm, numeric, spread):
    """The threat of a job.

    Parameters
    ----------
    tolerance : sequence of (name, float or pair), or None
        What --tolerance names.
    norm : {1, 2, inf} or None
        None is 2, and inf for tolerances: each column within its own.
    numeric : sequence of str
        Columns that can move.
    spread : dict
        Their standard deviations.
    """
    if not tolerance:
        return Threat(spread, 2 if norm is None else norm)
    for name, _ in tolerance:
        if name not in numeric:
            close = difflib.get_close_matches(name, numeric, n=1)
            hint = f"did you mean {close[0]!r}" if close else f"it has {shown(numeric)}"
            raise JobError(
                f"--tolerance: the model has no numeric column {name!r}: {hint}."
            )
    names = [name for name, _ in tolerance]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise JobError(f"--tolerance names the column {twice!r} twice.")
    return Threat(dict(tolerance), np.inf if norm is None else norm, stated=True)
