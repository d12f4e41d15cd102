# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Interval and linear bound propagation over balls."""

from sklip.bounds._propagation.bounds import hidden_bounds, meet, outputs_lower
from sklip.bounds._propagation.boxes import Boxes, rows_over_boxes
from sklip.bounds._propagation.branches import lower_by_multipliers, lower_over_parts
from sklip.bounds._propagation.cut_bounds import cut_bounds
from sklip.bounds._propagation.linear import vectors_times
from sklip.bounds._propagation.lines import (
    adaptive_lines,
    parallel_lines,
    secant_range,
    slope_range,
    tangents_below,
    value_range,
)
from sklip.bounds._propagation.planes import has_planes
from sklip.bounds._propagation.propagation import Balls, Propagation
from sklip.bounds._propagation.ranges import cut_places, lower_over_ranges
from sklip.bounds._propagation.rates import input_shares, lower_rates
from sklip.bounds._propagation.shapes import shape_of
from sklip.bounds._propagation.slopes import largest_lower, open_layer
from sklip.bounds._propagation.tightening import tightened

__all__ = [
    "Balls",
    "Boxes",
    "rows_over_boxes",
    "Propagation",
    "cut_bounds",
    "has_planes",
    "hidden_bounds",
    "input_shares",
    "lower_by_multipliers",
    "lower_over_parts",
    "cut_places",
    "lower_over_ranges",
    "lower_rates",
    "outputs_lower",
    "shape_of",
    "secant_range",
    "slope_range",
    "adaptive_lines",
    "meet",
    "largest_lower",
    "open_layer",
    "parallel_lines",
    "tangents_below",
    "value_range",
    "vectors_times",
    "tightened",
]
