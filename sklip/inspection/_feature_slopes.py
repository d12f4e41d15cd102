# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""How steep a model can be in each column, and how steep it is at the samples."""

import numpy as np

from sklip._arguments import check_count
from sklip._documentation import documented
from sklip._shared_docs import DISPLAY
from sklip.bounds import feature_slopes, view_of
from sklip.inspection._axes import new_axes
from sklip.inspection._names import holds_several, named_estimators
from sklip.inspection._text import (
    add_legend,
    legend_share,
    set_row_names,
    set_titles,
)

__all__ = ["FeatureSlopesDisplay"]

_BLOCK_ROWS = 512


@documented(DISPLAY)
class FeatureSlopesDisplay:
    """Proven bounds of a model's slopes, column by column.

    Parameters
    ----------
    slopes : ndarray of shape (n_features,) or (n_models, n_features)
        Bounds of the slopes, or of how far the output moves within the tolerances; NaN
        for what is not drawn. Of one model or of several.
    feature_names : sequence of str
        Names of the columns.
    observed : ndarray of the shape of slopes, default=None
        Largest slopes at samples; NaN where they are not known.
    in_tolerances : bool, default=False
        Whether the slopes are per tolerance of the column rather than per unit.
    estimator_name : str or list of str, default=None
        Label of the bars, one for each model.

    Attributes
    ----------
    {figure_, ax_}
    bars_ : matplotlib BarContainer or list of them
        The bounds, the largest on top; a list for several models.
    lines_ : list of matplotlib Line2D
        The slopes at samples, if there are any.

    Examples
    --------
    >>> from sklip.inspection import FeatureSlopesDisplay
    >>> display = FeatureSlopesDisplay(
    ...     slopes=[0.4, 2.5], feature_names=["age", "hours"]
    ... )
    >>> display.plot()  # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        slopes,
        feature_names,
        observed=None,
        in_tolerances=False,
        estimator_name=None,
    ):
        self.slopes = slopes
        self.feature_names = feature_names
        self.observed = observed
        self.in_tolerances = in_tolerances
        self.estimator_name = estimator_name

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X=None,
        *,
        feature_eps=None,
        output=None,
        method="auto",
        n_features=20,
        name=None,
        ax=None,
        **bar_kwargs,
    ):
        """Bound the slopes of a fitted model, or of several, and draw them.

        Parameters
        ----------
        estimator : model as for :func:`sklip.feature_slopes`, list or dict of models
            What is compared, all with the same columns; the keys of a dict are the
            labels.
        X : array-like of shape (n_samples, n_features), default=None
            Samples at which the slopes are taken too, to be drawn as points: a bar can
            be too long, never shorter than its point.
        feature_eps : dict or Series, default=None
            Feature name or index to its tolerance: only these are drawn, and how far
            the output can move when the column moves by its tolerance. Columns in
            different units become comparable that way.
        output : int, default=None
            The logit or target whose slopes are meant; None takes all in the l2 norm.
        method : str, default="auto"
            As for :func:`sklip.feature_slopes`.
        n_features : int, default=20
            Number of bars at most.
        {name, ax}
        **bar_kwargs : dict
            Passed to ``Axes.barh``.

        Returns
        -------
        display : FeatureSlopesDisplay
            What was drawn.
        """
        models, labels = named_estimators(estimator, name)
        n_features = check_count(n_features, "n_features")
        views = [view_of(model, X, feature_eps) for model in models]
        columns = _columns(views)
        found = [
            _slopes_of(model, view, X, feature_eps is not None, output, method)
            for model, view in zip(models, views, strict=True)
        ]
        slopes, observed = (np.array(part) for part in zip(*found, strict=True))
        if not holds_several(estimator):
            slopes, observed, labels = slopes[0], observed[0], labels[0]
        display = cls(
            slopes=slopes,
            feature_names=columns,
            observed=None if X is None else observed,
            in_tolerances=feature_eps is not None,
            estimator_name=labels,
        )
        return display.plot(ax=ax, n_features=n_features, **bar_kwargs)

    def plot(self, ax=None, *, name=None, n_features=20, **bar_kwargs):
        """Draw the slopes.

        Parameters
        ----------
        {ax}
        name : str or list of str, default=None
            Labels; None takes ``estimator_name``.
        n_features : int, default=20
            Number of bars at most; the largest are drawn.
        **bar_kwargs : dict
            Passed to ``Axes.barh``.

        Returns
        -------
        display : FeatureSlopesDisplay
            Itself.
        """
        self.figure_, self.ax_ = new_axes(ax, self)
        name = self.estimator_name if name is None else name
        slopes = np.asarray(self.slopes, dtype=np.float64)
        several = slopes.ndim == 2
        slopes = np.atleast_2d(slopes)
        _, names = named_estimators(list(slopes), name)
        chosen = _largest(slopes, check_count(n_features, "n_features"))
        observed = [None] * len(slopes)
        if self.observed is not None:
            observed = np.atleast_2d(np.asarray(self.observed, dtype=np.float64))
        self.lines_, bars = [], []
        for k, (label, row) in enumerate(zip(names, slopes, strict=True)):
            place = np.arange(len(chosen)) + _offset(k, len(slopes))
            label = f"{label}, proven bound" if name else "proven bound"
            style = {"label": label, "alpha": 0.6, "height": 0.8 / len(slopes)}
            bars.append(self.ax_.barh(place, row[chosen], **{**style, **bar_kwargs}))
            if observed[k] is not None:
                self._plot_observed(observed[k][chosen], place, first=k == 0)
        self.bars_ = bars if several else bars[0]
        self._label(chosen, n_entries=len(bars) + (self.observed is not None))
        return self

    def _plot_observed(self, slopes, place, first):
        self.lines_ += self.ax_.plot(
            slopes,
            place,
            linestyle="none",
            marker="o",
            color="black",
            label="steepest sample" if first else None,
        )

    def _label(self, chosen, n_entries):
        set_row_names(
            self.ax_, np.arange(len(chosen)), [self.feature_names[j] for j in chosen]
        )
        per = "tolerance" if self.in_tolerances else "unit"
        set_titles(self.ax_, f"change of the output per {per} of the column")
        # The legend gets the lowest part for itself: bars may be of any length.
        share = legend_share(self.ax_, n_entries)
        below = share / (1.0 - share) * (len(chosen) + 0.2)
        self.ax_.set_ylim(-0.6 - below, len(chosen) - 0.4)
        add_legend(self.ax_, share=share, loc="lower right")


def _columns(views):
    """Names of the columns, the same for all models."""
    names = [v.feature_names or [f"x{j}" for j in range(v.n_features)] for v in views]
    if any(others != names[0] for others in names):
        raise ValueError(
            "estimator holds models with different columns: their slopes cannot stand "
            "beside each other."
        )
    return list(names[0])


def _slopes_of(model, view, X, in_tolerances, output, method):
    """Bounds of the slopes, and the steepest at the samples (NaN without any)."""
    if in_tolerances:
        # The view is measured in them; other columns do not move.
        moving = np.isin(np.arange(view.n_features), view.feature_index[view.mutable])
        slopes = feature_slopes(view, output=output, method=method)
        slopes = np.where(moving, slopes, np.nan)
    else:
        slopes = feature_slopes(model, output=output, method=method)
    if X is None:
        return slopes, np.full(len(slopes), np.nan)
    return slopes, _observed_slopes(view, X, output)


def _largest(slopes, n_features):
    """Columns with the largest slopes in any model, the largest last."""
    largest = np.fmax.reduce(slopes, axis=0)
    order = np.argsort(-largest)[: np.count_nonzero(~np.isnan(largest))]
    return order[:n_features][::-1]


def _offset(k, n_models):
    """How far the bar of model k stands above its rung: the first model on top."""
    return 0.8 * ((n_models - 1) / 2 - k) / n_models


def _observed_slopes(view, X, output):
    """Largest slope at the samples in each column; NaN where it is not known.

    Only a coordinate that is a column of X itself has the column's slope.
    """
    coordinates = np.flatnonzero(view.attackable)
    observed = np.full(view.n_features, np.nan)
    if not len(coordinates):
        return observed
    network = view.network
    if output is None and network.n_outputs == 2 and view.classes is not None:
        network = network.with_output_map([[-1.0, 1.0]])
    U = view.encode(X)
    largest = np.zeros(len(coordinates))
    for start in range(0, len(U), _BLOCK_ROWS):
        jacobians = network.jacobian(U[start : start + _BLOCK_ROWS])[..., coordinates]
        if output is not None:
            jacobians = jacobians[:, [output]]
        steepest = np.linalg.norm(jacobians, axis=1).max(axis=0)
        largest = np.maximum(largest, steepest)
    observed[view.feature_index[coordinates]] = largest
    return observed
