# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Transformers that state by themselves which affine map they are."""

from sklip.networks._folding.affine import coordinatewise_map
from sklip.networks._folding.probe import Probe

__all__ = ["fold_stated_map"]


def fold_stated_map(folder, transformer, columns):
    """Columns behind a map of each column by itself, tried on a few rows."""
    folder.need_affine(columns, type(transformer).__name__)
    scale, offset = coordinatewise_map(transformer, len(columns))
    probe = Probe(transformer, columns.storage, folder.rows_at(columns))
    probe.check_map(scale, offset)
    folder.forbid_writing(probe.writes, transformer, columns)
    folded = columns.scaled(scale, offset, probe.coarseness)
    return folded.handed_on(probe.dtypes, probe.shares)
