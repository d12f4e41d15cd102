# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Learning-rate schedules as factors of the step size."""

import math

__all__ = ["SCHEDULES", "Schedule"]

SCHEDULES = ("auto", "constant", "invscaling", "adaptive")
# Fewer epochs cannot meet the stopping rule anyhow: "auto" leaves their steps alone.
_FEWEST_EPOCHS = 150
# Where "auto" begins: what is lost by small steps at the end is gained before.
_PEAK = 3.0
# Batches of an epoch up to which every epoch is of use, and the least share of them
# where there are more: later ones would learn the noise of the targets by heart.
_MOST_BATCHES, _LEAST_SHARE = 30, 0.25
# "adaptive" divides by the first number, and gives up at the second.
_DIVISOR, _SMALLEST = 5.0, 1e-6


class Schedule:
    """The factor by which the step size of an epoch is multiplied.

    Parameters
    ----------
    kind : {"auto", "constant", "invscaling", "adaptive"}, default="constant"
        ``"auto"`` falls like a cosine over a training that is told of by :meth:`begin`,
        from ``highest`` to 0; ``"invscaling"`` divides by
        (t + 1) ** power_t, t the samples seen before the epoch; ``"adaptive"`` divides
        by 5 whenever progress stalls.
    power_t : float, default=0.5
        The exponent.
    milestones : sequence of int, default=()
        Epochs after which to divide by 10.
    highest : float, default=3.0
        The factor that ``"auto"`` begins with.

    Attributes
    ----------
    applied : float
        The factor that is in the optimizer.
    """

    def __init__(self, kind="constant", power_t=0.5, milestones=(), highest=_PEAK):
        self.kind = kind
        self.highest = highest
        self.power_t = power_t
        self.milestones = milestones
        self.n_divisions = 0
        self.applied = 1.0
        self._first, self._length = 0, None

    def peak(self, length):
        """Factor that a training of that length begins with; 1 if it does not fall."""
        falls = self.kind == "auto" and length is not None and not self.milestones
        return self.highest if falls and length >= _FEWEST_EPOCHS else 1.0

    def begin(self, n_epochs, length, *, share=1.0):
        """Begin a training of at most ``length`` epochs after ``n_epochs`` others.

        None is a training whose end is not known: its step size stays. One that falls
        may do so within a share of the epochs, and needs no others. Returns how many
        there are to be.
        """
        falls = self.peak(length) > 1.0
        length = math.ceil(share * length) if falls else length
        self._first, self._length = n_epochs, length if falls else None
        return length

    @staticmethod
    def useful_share(n_batches):
        """Share of the epochs that suffices where each of them has so many batches."""
        return max(_LEAST_SHARE, min(1.0, _MOST_BATCHES / n_batches))

    def factor(self, n_epochs, n_samples_seen):
        """Factor of an epoch, from the epochs and samples before it."""
        factor = 0.1 ** sum(n_epochs >= epoch for epoch in self.milestones)
        if self._length is not None:
            share = (n_epochs - self._first + 0.5) / self._length
            factor *= self.highest * (1.0 + math.cos(math.pi * share)) / 2.0
        if self.kind == "invscaling":
            factor /= (n_samples_seen + 1) ** self.power_t
        return factor / _DIVISOR**self.n_divisions

    def goes_on(self, learning_rate):
        """Divide where progress stalls; False if training should stop instead."""
        if self.kind != "adaptive":
            return False
        if learning_rate / _DIVISOR**self.n_divisions <= _SMALLEST:
            return False
        self.n_divisions += 1
        return True
