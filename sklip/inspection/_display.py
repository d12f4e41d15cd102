# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What the Displays of one axes share: ``plot``, its documentation, their labels."""

from abc import ABC, abstractmethod

from sklip._documentation import documented
from sklip._shared_docs import DISPLAY
from sklip.inspection._axes import new_axes

__all__ = ["Display"]


class Display(ABC):
    """Base of the Displays that draw on one axes.

    A subclass has its labels in ``estimator_names`` (or in the
    attribute that ``_labels`` names) and draws in ``_draw``.
    """

    _labels = "estimator_names"

    @documented(DISPLAY)
    def plot(self, ax=None, *, name=None, **line_kwargs):
        """Draw the curves.

        Parameters
        ----------
        {ax}
        name : str or list of str, default=None
            Labels; None takes those that the display has.
        **line_kwargs : dict
            Passed to ``Axes.plot``, or ``Axes.step`` where the curves are steps.

        Returns
        -------
        display : object
            Itself.
        """
        self.figure_, self.ax_ = new_axes(ax, self)
        self._draw(getattr(self, self._labels) if name is None else name, line_kwargs)
        return self

    @abstractmethod
    def _draw(self, name, line_kwargs):
        """Draw on ``ax_`` under these labels."""
