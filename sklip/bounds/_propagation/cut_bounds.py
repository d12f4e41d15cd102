# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Bounds of the hidden neurons over parts, what the signs that are known allow."""

import torch

from sklip.bounds._propagation.bounds import (
    HiddenBounds,
    all_lines,
    hidden_bounds,
    meet,
)
from sklip.bounds._propagation.linear import parallel_bounds
from sklip.bounds._propagation.lines import parallel_lines

__all__ = ["cut_bounds"]


def cut_bounds(propagation, balls, signs, given):
    """Bounds of the hidden layers over parts."""
    cuts = [
        (
            torch.where(s > 0, 0.0, -torch.inf).to(torch.float64),
            torch.where(s < 0, 0.0, torch.inf).to(torch.float64),
        )
        for s in signs
    ]
    if given is None:
        return hidden_bounds(propagation, balls, "crown", given=cuts)
    known = [meet(ends, cut) for ends, cut in zip(given, cuts, strict=True)]
    _refresh(propagation, balls, signs, known)
    return HiddenBounds(balls, known, "crown")


def _refresh(propagation, balls, signs, known):
    """Tighten, in place, the layers above a sign that a part has fixed."""
    is_cut = torch.zeros(len(balls), dtype=torch.bool, device=propagation.device)
    for k in range(1, propagation.n_hidden):
        is_cut = is_cut | (signs[k - 1] != 0.0).any(dim=1)
        low, high = known[k]
        parts = torch.nonzero(is_cut)[:, 0]
        is_open = (low < 0.0) & (high > 0.0)
        neurons = torch.nonzero(is_open[parts].any(dim=0))[:, 0]
        if len(neurons) == 0:
            continue
        found = _asked(propagation, balls, known[:k], parts, k, neurons)
        at = parts[:, None], neurons
        # Neurons that others have open stay: no part depends on those beside it.
        known[k] = tuple(
            old.index_put(at, torch.where(is_open[at], new, old[at]))
            for old, new in zip(
                (low, high), meet((low[at], high[at]), found), strict=True
            )
        )


def _asked(propagation, balls, known, parts, k, neurons):
    """Bounds of some neurons of a layer over some parts."""
    found = []
    for some in parts.split(propagation.block_rows()):
        below = HiddenBounds(balls, known, "crown")[some]
        lines, sizes = all_lines(propagation, below, parallel_lines)
        ends = parallel_bounds(propagation, below.balls, k, lines, sizes, neurons)
        found.append(ends)
    return [torch.cat(ends) for ends in zip(*found, strict=True)]
