# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Which rows stay right at the radii: proven, or at least under attack."""

from dataclasses import dataclass

import numpy as np

from sklip.certification import certified_radius, is_certified, pgd_attack

__all__ = ["Holding", "hold"]

_BLOCK_ROWS = 500


@dataclass
class Holding:
    """Answers for each radius and row."""

    # Of shape (n_rows,): whether the prediction is right to begin with.
    correct: np.ndarray
    # Of shape (n_radii, n_rows): right and proven to stay so; right and not flipped by
    # the attack.
    certified: np.ndarray
    unharmed: np.ndarray


def hold(model, X, y, threat, radii, certificate, *, seed, progress):
    """The Holding of some rows; radii rise.

    Parameters
    ----------
    model : object
        The classifier that was trained.
    X, y : DataFrame and ndarray of shape (n_samples,)
        Rows that it was not trained on.
    threat : Threat
        How far each column may move for a radius of one.
    radii : ndarray of shape (n_radii,)
        In units of the threat.
    certificate : LipschitzCertificate
        Of the model in the units of the threat: settles most rows without more work.
    seed : int
        Of the attack.
    progress : Progress
        Told of every row.
    """
    correct = np.asarray(model.predict(X)) == y
    found = Holding(correct, *np.zeros((2, len(radii), len(y)), dtype=bool))
    for start in range(0, len(y), _BLOCK_ROWS):
        rows = np.arange(start, min(start + _BLOCK_ROWS, len(y)))
        _Block(model, X, y, threat, certificate, seed).settle(rows, radii, found)
        progress.advance(len(rows))
    return found


class _Block:
    """Asks of each row only what is open: a flip stays one in every larger ball."""

    def __init__(self, model, X, y, threat, certificate, seed):
        self.model, self.X, self.y, self.seed = model, X, y, seed
        self.certificate = certificate
        self.setting = {"norm": threat.norm, "feature_eps": threat.eps}

    def settle(self, rows, radii, found):
        rows = rows[found.correct[rows]]
        if len(rows) == 0:
            return
        known = certified_radius(
            self.model, self.X.iloc[rows], method=self.certificate, **self.setting
        )
        provable = np.ones(len(rows), dtype=bool)
        flipped = np.zeros(len(rows), dtype=bool)
        for k, radius in enumerate(radii):
            sure = known >= radius
            flipped[~sure & ~flipped] = self._attack(rows[~sure & ~flipped], radius)
            asked = ~sure & ~flipped & provable
            sure[asked] = self._prove(rows[asked], radius)
            provable &= sure
            found.certified[k, rows] = sure
            found.unharmed[k, rows] = ~flipped

    def _attack(self, rows, radius):
        if len(rows) == 0:
            return False
        X, y = self.X.iloc[rows], self.y[rows]
        return pgd_attack(
            self.model, X, y, radius=radius, random_state=self.seed, **self.setting
        )[1]

    def _prove(self, rows, radius):
        if len(rows) == 0:
            return False
        X = self.X.iloc[rows]
        # Branch and bound would settle a few rows more, at ten times the cost.
        return is_certified(self.model, X, radius=radius, effort=0, **self.setting)
