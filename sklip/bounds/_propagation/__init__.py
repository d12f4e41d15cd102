# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Interval and linear bound propagation over balls."""

from sklip.bounds._propagation.bounds import hidden_bounds, outputs_lower
from sklip.bounds._propagation.boxes import Boxes, rows_over_boxes
from sklip.bounds._propagation.branches import lower_by_multipliers, lower_over_parts
from sklip.bounds._propagation.lines import slope_range
from sklip.bounds._propagation.propagation import Propagation
from sklip.bounds._propagation.shapes import shape_of
from sklip.bounds._propagation.tightening import tightened

__all__ = [
    "Boxes",
    "rows_over_boxes",
    "Propagation",
    "hidden_bounds",
    "lower_by_multipliers",
    "lower_over_parts",
    "outputs_lower",
    "shape_of",
    "slope_range",
    "tightened",
]
