# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Transformers of a Pipeline, folded into the first layer of a network."""

from sklip.networks._folding.affine import coordinatewise_map
from sklip.networks._folding.branches import is_drop
from sklip.networks._folding.columns import Columns, concatenate, raw_columns
from sklip.networks._folding.coordinates import Coordinates
from sklip.networks._folding.encode import InputEncoder
from sklip.networks._folding.fold import Folder, is_identity, unfreeze
from sklip.networks._folding.rounding import FoldRounding
from sklip.networks._folding.steps import pipeline_steps
from sklip.networks._folding.storage import Storage, coarseness, common_type
from sklip.networks._folding.table import Values, column_names

__all__ = [
    "Columns",
    "Coordinates",
    "FoldRounding",
    "Folder",
    "InputEncoder",
    "Storage",
    "Values",
    "coarseness",
    "column_names",
    "common_type",
    "concatenate",
    "coordinatewise_map",
    "is_drop",
    "is_identity",
    "pipeline_steps",
    "raw_columns",
    "unfreeze",
]
