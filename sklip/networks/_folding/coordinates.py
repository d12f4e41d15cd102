# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Which coordinates a folded network has, how they move, and in which units."""

from dataclasses import replace

import numpy as np

__all__ = ["Coordinates"]


class Coordinates:
    """The inputs that are left once all columns are followed back.

    Parameters
    ----------
    folder : Folder
        What was met on the way.
    columns : Columns
        Inputs of the network.

    Attributes
    ----------
    used : list of int
        Columns of X that are coordinates themselves. One that acts through curved maps
        only is kept, with weights of zero: it says how large the rounding may be.
    paths : list of tuple
        For each encoder that is used, the transformers from X to its outputs.
    encoded, outputs : list of int
        Positions of the outputs that are used: among those of all encoders, and of
        these.
    chosen : list of int
        Both, as positions among all coordinates of the folder.
    feature_index : ndarray of int
        Column of X that each moves with; -1 for categories.
    mutable, faithful : ndarray of bool
        Whether a perturbation moves it; whether it moves as the column itself does.
    units : ndarray
        Largest change per unit of the column of X, so that a ball in X, in any norm,
        stays a ball in the coordinates.
    groups : tuple of CategoryGroup
        Coordinates that change together when a category does.
    """

    def __init__(self, folder, columns):
        n = folder.n_features
        self.is_plain = not folder.paths and not columns.path and _is_identity(columns)
        entries = set(columns.matrix.indices.tolist())
        self.used = sorted(frozenset().union(*columns.sources))
        behind = [k for k in range(n, folder.n_coordinates) if k in entries]
        self.encoded = [k - n for k in behind]
        self.paths, self.outputs = self._find_paths(folder)
        self.chosen = [*self.used, *behind]
        self._n_coordinates = folder.n_coordinates
        origins = [folder.origins.get(k, -1) for k in behind]
        self.feature_index = np.array([*self.used, *origins], dtype=int)
        slopes = np.array([folder.slopes.get(k, 1.0) for k in self.chosen])
        self.mutable = self._find_mutable(folder, slopes)
        acting = np.array([k in entries for k in self.chosen], dtype=bool)
        shared = self._count_shared(acting)
        # Copies of one column move together: each gets its share of the ball.
        self.units = np.where(self.mutable & (slopes > 0.0), slopes * shared, 1.0)
        raw = np.arange(len(self.chosen)) < len(self.used)
        self.faithful = raw & acting & (shared == 1)
        self.groups = self._find_groups(folder)

    def matrix(self, columns):
        """Linear part of the columns in the chosen coordinates."""
        matrix = columns.matrix.copy()
        matrix.resize((len(columns), self._n_coordinates))
        return matrix[:, self.chosen]

    def _find_paths(self, folder):
        """Encoders of which something is used, and where among their outputs it is."""
        paths, outputs, start, skipped = [], [], 0, 0
        for path, n_outputs in folder.paths:
            used = [k for k in self.encoded if start <= k < start + n_outputs]
            outputs += [k - skipped for k in used]
            paths += [path] if used else []
            start += n_outputs
            skipped += 0 if used else n_outputs
        return paths, outputs

    def _find_mutable(self, folder, slopes):
        immutable = np.array([-1, *folder.immutable])
        return ~np.isin(self.feature_index, immutable) & (slopes > 0.0)

    def _count_shared(self, acting):
        """How many acting coordinates move with the same column; 1 for the rest."""
        shared = np.ones(len(self.chosen))
        for j in set(self.feature_index.tolist()) - {-1}:
            same = acting & (self.feature_index == j)
            shared[same] = np.count_nonzero(same)
        return shared

    def _find_groups(self, folder):
        position = {k: p for p, k in enumerate(self.chosen)}
        groups = []
        for group in folder.groups:
            kept = [i for i, k in enumerate(group.coordinates) if k in position]
            if not kept or not group.sources & folder.immutable:
                continue
            coordinates = np.array([position[group.coordinates[i]] for i in kept])
            values = self._find_values(folder, group, kept)
            groups.append(replace(group, coordinates=coordinates, values=values))
        for k, j in enumerate(self.used):
            if j in folder.immutable:
                # The number itself is used beside its category: no list of values.
                group = type(folder.groups[0])(frozenset([j]), np.array([k]), None)
                groups.append(group)
        return tuple(groups)

    def _find_values(self, folder, group, kept):
        """What the coordinates of a group can be; None if that cannot be listed."""
        if group.values is None:
            return None
        values = group.values[:, kept]
        for i, k in enumerate(group.coordinates[kept]):
            missing = np.isnan(values[:, i])
            if not missing.any():
                continue
            if k in folder.bare:
                # predict refuses what an encoder hands on as missing.
                values = values[~missing]
            elif np.isnan(fill := folder.fill(k)):
                return None
            else:
                values[missing, i] = fill
        return np.unique(values, axis=0)


def _is_identity(columns):
    matrix = columns.matrix
    n = len(columns)
    return (
        matrix.shape == (n, n)
        and np.array_equal(matrix.indices, np.arange(n))
        and bool(np.all(matrix.data == 1.0))
        and not np.any(columns.offset)
    )
