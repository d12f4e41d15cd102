# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Learning-rate schedules as factors of the step size."""

__all__ = ["SCHEDULES", "Schedule"]

SCHEDULES = ("constant", "invscaling", "adaptive")
# "adaptive" divides by the first number, and gives up at the second.
_DIVISOR, _SMALLEST = 5.0, 1e-6


class Schedule:
    """The factor by which the step size of an epoch is multiplied.

    Parameters
    ----------
    kind : {"constant", "invscaling", "adaptive"}, default="constant"
        ``"invscaling"`` divides by (t + 1) ** power_t, t the samples seen before the
        epoch; ``"adaptive"`` divides by 5 whenever progress stalls.
    power_t : float, default=0.5
        The exponent.
    milestones : sequence of int, default=()
        Epochs after which to divide by 10.
    """

    def __init__(self, kind="constant", power_t=0.5, milestones=()):
        self.kind = kind
        self.power_t = power_t
        self.milestones = milestones
        self.n_divisions = 0

    def factor(self, n_epochs, n_samples_seen):
        """Factor of an epoch, from the epochs and samples before it."""
        factor = 0.1 ** sum(n_epochs >= epoch for epoch in self.milestones)
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
