# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Transformers of a Pipeline, folded into the first layer of a network."""

from sklip.networks._folding.affine import coordinatewise_map, is_selector
from sklip.networks._folding.branches import is_drop
from sklip.networks._folding.columns import Columns, concatenate, raw_columns
from sklip.networks._folding.coordinates import Coordinates
from sklip.networks._folding.encode import InputEncoder
from sklip.networks._folding.fold import Folder, acting
from sklip.networks._folding.rounding import FoldRounding
from sklip.networks._folding.steps import need_columns, pipeline_steps
from sklip.networks._folding.storage import (
    Storage,
    coarseness,
    common_type,
    types_of,
)
from sklip.networks._folding.table import (
    Select,
    Values,
    as_table,
    column_names,
    locate,
    take_columns,
)

__all__ = [
    "Columns",
    "Coordinates",
    "FoldRounding",
    "Folder",
    "InputEncoder",
    "Select",
    "Storage",
    "Values",
    "acting",
    "as_table",
    "coarseness",
    "column_names",
    "common_type",
    "concatenate",
    "coordinatewise_map",
    "is_drop",
    "is_selector",
    "locate",
    "need_columns",
    "pipeline_steps",
    "raw_columns",
    "take_columns",
    "types_of",
]
