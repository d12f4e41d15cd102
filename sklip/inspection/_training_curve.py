# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Loss, accuracies and bound over the epochs of a fit."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklip.inspection._axes import new_panels

__all__ = ["TrainingCurveDisplay"]

# Key in the history -> panel it belongs to, and how it is named there.
_CURVES = {
    "train_loss": ("loss", "training"),
    "valid_loss": ("loss", "validation"),
    "accuracy": ("accuracy", "clean"),
    "valid_score": ("accuracy", "validation"),
    "certified_accuracy": ("accuracy", "certified"),
    "lipschitz_bound": ("Lipschitz bound", ""),
}
_STYLES = {"training": "-", "clean": "-", "": "-", "validation": ":", "certified": "--"}


class TrainingCurveDisplay:
    """Loss, accuracy, certified accuracy and Lipschitz bound against the epoch.

    Parameters
    ----------
    curves : dict of str to (ndarray, ndarray)
        For each quantity recorded the epochs and the values: ``train_loss``,
        ``valid_loss``, ``accuracy``, ``valid_score``, ``certified_accuracy``,
        ``lipschitz_bound``.
    estimator_name : str, default=None
        Label of the curves.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    axes_ : ndarray of matplotlib Axes
        One for each panel: loss, accuracy, bound, as far as recorded.
    lines_ : dict of str to matplotlib Line2D
        The curves.

    See Also
    --------
    LipschitzHistory : Callback that records accuracy, certified accuracy and bound.

    Notes
    -----
    Fig. 4 of paper 000 (A26).

    Examples
    --------
    >>> from sklip.inspection import TrainingCurveDisplay
    >>> curves = {"lipschitz_bound": ([1, 2, 3], [1.0, 2.0, 2.5])}
    >>> display = TrainingCurveDisplay(curves=curves).plot()  # doctest: +SKIP
    """

    def __init__(self, *, curves, estimator_name=None):
        self.curves = curves
        self.estimator_name = estimator_name

    @classmethod
    def from_estimator(cls, estimator, *, name=None, ax=None, **line_kwargs):
        """Draw the history of a fitted estimator.

        Parameters
        ----------
        estimator : fitted estimator or Pipeline
            One of sklip's estimators, or a Pipeline that ends in one.
        name : str, default=None
            Label; None takes the class's name.
        ax : sequence of matplotlib Axes, default=None
            One for each panel, such as another display's ``axes_``.
        **line_kwargs : dict
            Passed to ``Axes.plot``.

        Returns
        -------
        display : TrainingCurveDisplay
            What was drawn.

        Raises
        ------
        ValueError
            If the estimator keeps no history of its training.
        """
        check_is_fitted(estimator)
        model = estimator[-1] if hasattr(estimator, "steps") else estimator
        if not hasattr(model, "history_"):
            raise ValueError(
                f"{type(model).__name__} keeps no history_ of its training; "
                "TrainingCurveDisplay draws that of sklip's estimators."
            )
        curves = {}
        for key in _CURVES:
            found = [(r["epoch"], r[key]) for r in list(model.history_) if key in r]
            if found:
                curves[key] = tuple(np.array(found, dtype=float).T)
        display = cls(curves=curves, estimator_name=name or type(model).__name__)
        return display.plot(ax=ax, **line_kwargs)

    def plot(self, ax=None, *, name=None, **line_kwargs):
        """Draw the curves.

        Parameters
        ----------
        ax : sequence of matplotlib Axes, default=None
            One for each panel; None makes a figure.
        name : str, default=None
            Label; None takes ``estimator_name``.
        **line_kwargs : dict
            Passed to ``Axes.plot``.

        Returns
        -------
        display : TrainingCurveDisplay
            Itself.

        Raises
        ------
        ValueError
            If there is nothing to draw, or ``ax`` does not hold one Axes a panel.
        """
        known = [key for key in _CURVES if key in self.curves]
        if not known:
            raise ValueError(f"curves must hold one of {', '.join(_CURVES)}.")
        panels = list(dict.fromkeys(_CURVES[key][0] for key in known))
        self.figure_, self.axes_ = new_panels(ax, self, len(panels))
        name = self.estimator_name if name is None else name
        self.lines_ = {}
        for panel, axes in zip(panels, self.axes_, strict=True):
            color = line_kwargs.get("color", axes._get_lines.get_next_color())
            for key in known:
                if _CURVES[key][0] == panel:
                    self.lines_[key] = self._line(axes, key, name, color, line_kwargs)
            axes.set(xlabel="epoch", ylabel=panel)
            axes.legend()
            if panel == "accuracy":
                axes.set_ylim(-0.02, 1.02)
        return self

    def _line(self, axes, key, name, color, line_kwargs):
        what = _CURVES[key][1]
        style = {
            "label": ", ".join(filter(None, (name, what))),
            "linestyle": _STYLES[what],
            **line_kwargs,
            "color": color,
        }
        return axes.plot(*self.curves[key], **style)[0]
