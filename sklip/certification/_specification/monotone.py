# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What a network must do: rise, or fall, with one of its inputs."""

from dataclasses import dataclass

import numpy as np

from sklip._arguments import check_count, check_flag, is_integer
from sklip.certification._specification.box import checked_box

__all__ = ["Monotone"]


@dataclass(frozen=True, eq=False)
class Monotone:
    """An output that never falls (or never rises) with one input inside a box.

    Made by :meth:`Specification.monotone`, for :func:`verify_specification`.
    """

    # Of shape (n_inputs,): ends of the box.
    lower: np.ndarray
    upper: np.ndarray
    feature: int | str  # the input
    increasing: bool = True  # whether the output may not fall; else it may not rise
    # Which output, of how many.
    output: int = 0
    n_outputs: int = 1

    def __post_init__(self):
        lower, upper = checked_box(self.lower, self.upper)
        n_outputs = check_count(self.n_outputs, "n_outputs")
        check_flag(self.increasing, "increasing")
        if not is_integer(self.output) or not 0 <= self.output < n_outputs:
            raise ValueError(
                f"output must be an integer from 0 to {n_outputs - 1}, "
                f"got {self.output!r}."
            )
        object.__setattr__(self, "lower", lower)
        object.__setattr__(self, "upper", upper)
        if not isinstance(self.feature, str):
            self.column(None)

    @property
    def n_inputs(self):
        """Number of inputs."""
        return len(self.lower)

    def column(self, names):
        """Index of the input, with the names of all of them if there are any.

        Parameters
        ----------
        names : sequence of str or None
            Names.

        Returns
        -------
        index : int
            From 0.
        """
        index = self.feature
        if isinstance(index, str):
            if names is None or index not in list(names):
                raise ValueError(f"feature {index!r} is no column of the model.")
            index = list(names).index(index)
        if not is_integer(index) or not 0 <= index < self.n_inputs:
            raise ValueError(
                "feature must be the name of a column or an integer from 0 to "
                f"{self.n_inputs - 1}, got {index!r}."
            )
        if self.lower[index] == self.upper[index]:
            raise ValueError(f"feature {self.feature!r} does not move in the box.")
        return int(index)
