# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The default weight of the Lipschitz penalties, which follows the number of rows."""

import textwrap
from numbers import Real

from sklip._compat import Interval, StrOptions
from sklip._documentation import entries

__all__ = ["WEIGHT", "LipschitzWeight", "weight_entries"]

# Rows up to which the default weight is whole. Beyond them it is divided by their
# number, as the L2 term is: what the rows say of the function outgrows a fixed price.
_MOST_ROWS = 1500

# What lipschitz_weight may be; a family closes or opens the interval at 0.
WEIGHT = [StrOptions({"auto"}), Interval(Real, 0, None, closed="left")]


def weight_entries(whole, meaning, none):
    """Descriptions of the parameter and of the attribute.

    Parameters
    ----------
    whole : float
        What "auto" is on small tables.
    meaning : str
        The weight of what, and what else is to be said of a number.
    none : str
        Where there is no penalty.
    """
    parameter = (
        f'Weight {meaning} "auto" is {whole:g} on up to {_MOST_ROWS} rows and falls as '
        f"one over their number beyond: {whole * _MOST_ROWS:g} / rows. These are the "
        "rows of the training (without those that early stopping holds out; in "
        "``partial_fit`` those of the call), counted by their weights."
    )
    attribute = (
        f'Weight in the last training: the number given, or what "auto" was; 0 {none}.'
    )
    return entries(
        f'lipschitz_weight : float or "auto", default="auto"\n{_indented(parameter)}\n'
        f"lipschitz_weight_ : float\n{_indented(attribute)}"
    )


def _indented(text):
    return textwrap.fill(text, 84, initial_indent="    ", subsequent_indent="    ")


class LipschitzWeight:
    """Resolves ``lipschitz_weight="auto"`` in each training; a number is that number.

    A family sets ``_whole_weight``, what "auto" is on small tables.
    """

    _whole_weight: float

    @classmethod
    def _auto_weight(cls, n_rows):
        """What "auto" is on so many rows."""
        return cls._whole_weight * min(1.0, _MOST_ROWS / n_rows)

    def _train(self, part, data, valid, stopping, epochs):
        self.lipschitz_weight_ = self._resolved_weight(data)
        self._set_weight(self.lipschitz_weight_)
        return super()._train(part, data, valid, stopping, epochs)

    def _resolved_weight(self, data):
        if self.lipschitz_weight != "auto":
            return float(self.lipschitz_weight)
        # Rows count by their weights, so that two of weight 1 are one of weight 2.
        weights = data.sample_weight
        return self._auto_weight(
            len(data) if weights is None else float(weights.double().sum())
        )

    def _set_weight(self, weight):
        """Tell the net; the family may read the attribute later instead."""
