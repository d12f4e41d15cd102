# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The ladder of bounds of one network, with a lower bound."""

import numpy as np

from sklip.bounds import METHODS, lipschitz_bound, lipschitz_lower_bound
from sklip.inspection._axes import new_axes
from sklip.networks import network_view

__all__ = ["LipschitzBoundsDisplay"]

# From loose to tight; path norms are often the loosest of all in l2.
_LADDER = ("product", "sequential", "lipsdp-layer", "lipsdp")
_ANY_NORM = ("product", "path")


class LipschitzBoundsDisplay:
    """Bounds of a network by several methods, and what a search reaches.

    Parameters
    ----------
    methods : sequence of str
        Methods of :func:`lipschitz_bound`.
    bounds : ndarray of shape (n_methods,)
        Their proven bounds.
    lower : float, default=None
        A lower bound of the Lipschitz constant.
    norm : {1, 2, inf}, default=2
        Norm of inputs and outputs.
    estimator_name : str, default=None
        Label of the bounds.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    ax_ : matplotlib Axes
        The axes.
    lines_ : list of matplotlib Line2D
        The bounds, then the lower bound if there is one.

    Examples
    --------
    >>> from sklip.inspection import LipschitzBoundsDisplay
    >>> display = LipschitzBoundsDisplay(
    ...     methods=["product", "lipsdp"], bounds=[4.0, 2.5], lower=2.4
    ... )
    >>> display.plot()  # doctest: +SKIP
    """

    def __init__(self, *, methods, bounds, lower=None, norm=2, estimator_name=None):
        self.methods = methods
        self.bounds = bounds
        self.lower = lower
        self.norm = norm
        self.estimator_name = estimator_name

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X=None,
        *,
        methods=None,
        norm=2,
        random_state=None,
        name=None,
        ax=None,
        **line_kwargs,
    ):
        """Compute the bounds of a fitted model and draw them.

        Parameters
        ----------
        estimator : FeedForward, fitted estimator or Pipeline
            As for :func:`lipschitz_bound`.
        X : array-like of shape (n_samples, n_features), default=None
            Samples from which the search for the lower bound starts too.
        methods : sequence of str, default=None
            None takes, from loose to tight, product, sequential, lipsdp-layer and
            lipsdp (LipSDP up to 512 hidden neurons); product and path in norm 1 or inf.
        norm : {1, 2, inf}, default=2
            Norm; the lower bound is for 2 only.
        random_state : int, RandomState instance or None, default=None
            Seed of the search.
        name : str, default=None
            Label; None takes the class's name.
        ax : matplotlib Axes, default=None
            Where to draw.
        **line_kwargs : dict
            Passed to ``Axes.plot``.

        Returns
        -------
        display : LipschitzBoundsDisplay
            What was drawn.
        """
        if methods is None:
            methods = _LADDER if norm == 2 else _ANY_NORM
            # LipSDP is left out where it is not chosen by itself.
            if not METHODS["lipsdp"].fits(network_view(estimator).network):
                methods = [m for m in methods if not m.startswith("lipsdp")]
        found = [lipschitz_bound(estimator, method=m, norm=norm) for m in methods]
        lower = None
        if norm == 2:
            lower = float(
                lipschitz_lower_bound(estimator, X, random_state=random_state)
            )
        display = cls(
            methods=list(methods),
            bounds=np.array([float(certificate) for certificate in found]),
            lower=lower,
            norm=norm,
            estimator_name=name or type(estimator).__name__,
        )
        return display.plot(ax=ax, **line_kwargs)

    def plot(self, ax=None, *, name=None, **line_kwargs):
        """Draw the bounds.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a figure.
        name : str, default=None
            Label; None takes ``estimator_name``.
        **line_kwargs : dict
            Passed to ``Axes.plot`` for the bounds.

        Returns
        -------
        display : LipschitzBoundsDisplay
            Itself.
        """
        self.figure_, self.ax_ = new_axes(ax, self)
        name = self.estimator_name if name is None else name
        rungs = np.arange(len(self.methods))
        style = {"marker": "o", "linestyle": "-", "label": name, **line_kwargs}
        self.lines_ = self.ax_.plot(rungs, self.bounds, **style)
        for x, value in zip(rungs, self.bounds, strict=True):
            self.ax_.annotate(
                f"{value:.3g}", (x, value), (0, 6), textcoords="offset points"
            )
        if self.lower is not None:
            line = self.ax_.axhline(
                self.lower,
                color=self.lines_[0].get_color(),
                linestyle=":",
                label=f"{name}, reached by a pair" if name else "reached by a pair",
            )
            self.lines_.append(line)
        norm = "∞" if self.norm == np.inf else f"{self.norm:g}"
        self.ax_.set_xticks(rungs, self.methods)
        self.ax_.set(ylabel=f"Lipschitz constant, norm {norm}", yscale="log")
        self.ax_.margins(x=0.12, y=0.15)
        self.ax_.legend()
        return self
