# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""When to stop: no progress of the training loss or of the validation score."""

import numpy as np

__all__ = ["StoppingRule"]


class StoppingRule:
    """Stop after too many epochs without progress, as MLPClassifier does.

    Parameters
    ----------
    tol : float
        Smallest change that counts as progress.
    n_iter_no_change : int
        Epochs without progress that are allowed.
    early_stopping : bool, default=False
        Watch ``valid_score`` and remember the best weights, instead of watching
        ``train_loss``.
    """

    def __init__(self, tol, n_iter_no_change, early_stopping=False):
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.best = -np.inf
        self.epochs_without_progress = 0
        self.best_flat = None

    @property
    def reason(self):
        """The sentence to print when training stops."""
        watched = "Validation score" if self.early_stopping else "Training loss"
        return (
            f"{watched} did not improve more than tol={self.tol:g} for "
            f"{self.n_iter_no_change} consecutive epochs. Stopping."
        )

    def update(self, record, module):
        """Take in one epoch's record of the history; True means stop."""
        score = record["valid_score"] if self.early_stopping else -record["train_loss"]
        if score < self.best + self.tol:
            self.epochs_without_progress += 1
        else:
            self.epochs_without_progress = 0
        if score > self.best:
            self.best = score
            if self.early_stopping:
                self.best_flat = module.flat.clone()
        return self.epochs_without_progress > self.n_iter_no_change

    def restore_best(self, module):
        """Put the weights with the best validation score back."""
        if self.best_flat is not None:
            module.flat.copy_(self.best_flat)
