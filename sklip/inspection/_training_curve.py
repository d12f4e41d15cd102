# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Loss, accuracies and bound over the epochs of a fit."""

from collections.abc import Mapping

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklip._documentation import documented
from sklip._shared_docs import DISPLAY
from sklip.inspection._axes import new_panels
from sklip.inspection._names import holds_several, named_estimators
from sklip.inspection._text import add_legend, set_titles

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


@documented(DISPLAY)
class TrainingCurveDisplay:
    """Loss, accuracy, certified accuracy and Lipschitz bound against the epoch.

    Parameters
    ----------
    curves : dict of str to (ndarray, ndarray), or list of such dicts
        For each quantity recorded the epochs and the values: ``train_loss``,
        ``valid_loss``, ``accuracy``, ``valid_score``, ``certified_accuracy``,
        ``lipschitz_bound``. Of one model, or one dict for each of several.
    estimator_name : str or list of str, default=None
        Label of the curves, one for each model.

    Attributes
    ----------
    {figure_}
    axes_ : ndarray of matplotlib Axes
        One for each panel: loss, accuracy, bound, as far as recorded.
    lines_ : dict of str to matplotlib Line2D, or list of such dicts
        The curves; a list for several models.

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
        """Draw the history of a fitted estimator, or of several.

        Parameters
        ----------
        estimator : fitted estimator or Pipeline, list or dict of str to such
            One of sklip's estimators, a Pipeline that ends in one, or a search that
            refitted such; the keys of a dict are the labels.
        {name}
        ax : sequence of matplotlib Axes, default=None
            One for each panel, such as another display's ``axes_``.
        {line_kwargs}

        Returns
        -------
        display : TrainingCurveDisplay
            What was drawn.

        Raises
        ------
        ValueError
            If the estimator keeps no history of its training.
        """
        models, names = _last_steps(estimator, name)
        curves = [_recorded(model) for model in models]
        if not holds_several(estimator):
            curves, names = curves[0], names[0]
        display = cls(curves=curves, estimator_name=names)
        return display.plot(ax=ax, **line_kwargs)

    def plot(self, ax=None, *, name=None, **line_kwargs):
        """Draw the curves.

        Parameters
        ----------
        ax : sequence of matplotlib Axes, default=None
            One for each panel; None makes a figure.
        name : str or list of str, default=None
            Labels; None takes ``estimator_name``.
        {line_kwargs}

        Returns
        -------
        display : TrainingCurveDisplay
            Itself.

        Raises
        ------
        ValueError
            If there is nothing to draw, or ``ax`` does not hold one Axes a panel.
        """
        several = isinstance(self.curves, list | tuple)
        models = list(self.curves) if several else [self.curves]
        known = [key for key in _CURVES if any(key in curves for curves in models)]
        if not known:
            raise ValueError(f"curves must hold one of {', '.join(_CURVES)}.")
        panels = list(dict.fromkeys(_CURVES[key][0] for key in known))
        self.figure_, self.axes_ = new_panels(ax, self, len(panels))
        name = self.estimator_name if name is None else name
        _, names = named_estimators(models, name)
        lines = [{} for _ in models]
        for panel, axes in zip(panels, self.axes_, strict=True):
            keys = [key for key in known if _CURVES[key][0] == panel]
            for label, curves, drawn in zip(names, models, lines, strict=True):
                color = line_kwargs.get("color", axes._get_lines.get_next_color())
                for key in [key for key in keys if key in curves]:
                    style = self._style(key, label if name else None, line_kwargs)
                    drawn[key] = axes.plot(*curves[key], **style, color=color)[0]
            set_titles(axes, "epoch", panel)
            if panel == "accuracy":
                axes.set_ylim(-0.02, 1.02)
        for axes in self.axes_:
            add_legend(axes, font="small")
        self.lines_ = lines if several else lines[0]
        return self

    def _style(self, key, name, line_kwargs):
        what = _CURVES[key][1]
        style = {
            "label": ", ".join(filter(None, (name, what))),
            "linestyle": _STYLES[what],
            **line_kwargs,
        }
        return {key: value for key, value in style.items() if key != "color"}


def _last_steps(estimator, name):
    """Estimators with their labels; of a Pipeline the last step."""
    models, names = named_estimators(estimator, name)
    last = [_trained(model) for model in models]
    if name is None and not isinstance(estimator, Mapping):
        names = named_estimators(last)[1]
    return last, names


def _trained(model):
    """What was trained: the best of a search, the last step of a Pipeline."""
    if hasattr(model, "fit"):
        check_is_fitted(model)
    model = getattr(model, "best_estimator_", model)
    return model[-1] if hasattr(model, "steps") else model


def _recorded(model):
    """Epochs and values of everything that the training of a model recorded."""
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
    return curves
