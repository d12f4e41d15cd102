# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""How steep a model can be in each column, and how steep it is at the samples."""

import numpy as np

from sklip.bounds import feature_slopes
from sklip.inspection._axes import new_axes
from sklip.networks import network_view

__all__ = ["FeatureSlopesDisplay"]

_BLOCK_ROWS = 512


class FeatureSlopesDisplay:
    """Proven bounds of a model's slopes, column by column.

    Parameters
    ----------
    slopes : ndarray of shape (n_features,)
        Bounds of the slopes, or of how far the output moves within the tolerances; NaN
        for what is not drawn.
    feature_names : sequence of str
        Names of the columns.
    observed : ndarray of shape (n_features,), default=None
        Largest slopes at samples; NaN where they are not known.
    in_tolerances : bool, default=False
        Whether the slopes are per tolerance of the column rather than per unit.
    estimator_name : str, default=None
        Label of the bars.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    ax_ : matplotlib Axes
        The axes.
    bars_ : matplotlib BarContainer
        The bounds, the largest on top.
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
        """Bound the slopes of a fitted model and draw them.

        Parameters
        ----------
        estimator : FeedForward, fitted estimator or Pipeline
            As for :func:`sklip.feature_slopes`.
        X : array-like of shape (n_samples, n_features), default=None
            Samples at which the slopes are taken too, to be drawn as points: a bar can
            be too long, never shorter than its point.
        feature_eps : dict, default=None
            Feature name or index to its tolerance: only these are drawn, and how far
            the output can move when the column moves by its tolerance. Columns in
            different units become comparable that way.
        output : int, default=None
            The logit or target whose slopes are meant; None takes all in the l2 norm.
        method : str, default="auto"
            As for :func:`sklip.feature_slopes`.
        n_features : int, default=20
            Number of bars at most.
        name : str, default=None
            Label; None takes the class's name.
        ax : matplotlib Axes, default=None
            Where to draw.
        **bar_kwargs : dict
            Passed to ``Axes.barh``.

        Returns
        -------
        display : FeatureSlopesDisplay
            What was drawn.
        """
        view = network_view(estimator)
        slopes = feature_slopes(estimator, output=output, method=method)
        observed = None if X is None else _observed_slopes(view, X, output)
        if feature_eps is not None:
            tolerances = _tolerances(view, feature_eps)
            slopes = slopes * tolerances
            observed = None if observed is None else observed * tolerances
        names = view.feature_names or [f"x{j}" for j in range(view.n_features)]
        display = cls(
            slopes=slopes,
            feature_names=list(names),
            observed=observed,
            in_tolerances=feature_eps is not None,
            estimator_name=name or type(estimator).__name__,
        )
        return display.plot(ax=ax, n_features=n_features, **bar_kwargs)

    def plot(self, ax=None, *, name=None, n_features=20, **bar_kwargs):
        """Draw the slopes.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a figure.
        name : str, default=None
            Label; None takes ``estimator_name``.
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
        order = np.argsort(-slopes)[: np.count_nonzero(~np.isnan(slopes))]
        chosen = order[:n_features][::-1]
        rungs = np.arange(len(chosen))
        label = f"{name}, proven bound" if name else "proven bound"
        style = {"label": label, "alpha": 0.6, **bar_kwargs}
        self.bars_ = self.ax_.barh(rungs, slopes[chosen], **style)
        self.lines_ = []
        if self.observed is not None:
            self.lines_ = self.ax_.plot(
                np.asarray(self.observed)[chosen],
                rungs,
                linestyle="none",
                marker="o",
                color="black",
                label="steepest sample",
            )
        self.ax_.set_yticks(rungs, [str(self.feature_names[j]) for j in chosen])
        per = "tolerance" if self.in_tolerances else "unit"
        self.ax_.set(xlabel=f"change of the output per {per} of the column")
        # The legend gets the lowest sixth for itself: bars may be of any length.
        self.ax_.set_ylim(-0.6 - 0.2 * len(chosen), len(chosen) - 0.4)
        self.ax_.legend(loc="lower right")
        return self


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


def _tolerances(view, feature_eps):
    """Tolerance of each column of X; NaN for those that are not to move."""
    named = view.with_feature_eps(feature_eps)
    tolerances = np.full(view.n_features, np.nan)
    moving = named.feature_index[named.mutable]
    ratio = named.units / named.base_units
    tolerances[moving] = ratio[named.mutable]
    return tolerances
