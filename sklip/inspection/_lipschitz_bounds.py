# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The ladder of bounds of one network, with a lower bound."""

import numpy as np

from sklip._arguments import check_norm, check_random
from sklip._documentation import documented
from sklip._shared_docs import DISPLAY
from sklip.bounds import (
    METHODS,
    ModuleSubject,
    lipschitz_bound,
    lipschitz_lower_bound,
    subject_of,
)
from sklip.inspection._axes import model_style, plain_numbers
from sklip.inspection._display import Display
from sklip.inspection._names import holds_several, named_estimators
from sklip.inspection._text import add_legend, set_titles
from sklip.networks import FeedForward

__all__ = ["LipschitzBoundsDisplay"]

# From loose to tight; path norms are often the loosest of all in l2.
_LADDER = ("product", "sequential", "lipsdp-layer", "lipsdp")
_ANY_NORM = ("product", "path")
_PROBE = FeedForward([[[1.0]]])


@documented(DISPLAY)
class LipschitzBoundsDisplay(Display):
    """Bounds of a network by several methods, and what a search reaches.

    Parameters
    ----------
    methods : sequence of str
        Methods of :func:`lipschitz_bound`.
    bounds : ndarray of shape (n_methods,) or (n_models, n_methods)
        Their proven bounds, of one model or of several.
    lower : float or list of float, default=None
        A lower bound of the Lipschitz constant, one for each model.
    norm : {1, 2, inf}, default=2
        Norm of inputs and outputs.
    estimator_name : str or list of str, default=None
        Label of the bounds, one for each model.

    Attributes
    ----------
    {figure_, ax_}
    lines_ : list of matplotlib Line2D
        For each model the bounds, then the lower bound if there is one.

    Examples
    --------
    >>> from sklip.inspection import LipschitzBoundsDisplay
    >>> display = LipschitzBoundsDisplay(
    ...     methods=["product", "lipsdp"], bounds=[4.0, 2.5], lower=2.4
    ... )
    >>> display.plot()  # doctest: +SKIP
    """

    _labels = "estimator_name"

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
        """Compute the bounds of a fitted model, or of several, and draw them.

        Parameters
        ----------
        estimator : model as for :func:`lipschitz_bound`, list or dict of models
            What is compared; the keys of a dict are the labels.
        X : array-like of shape (n_samples, n_features), default=None
            Samples from which the search for the lower bound starts too.
        methods : sequence of str, default=None
            None takes, from loose to tight, product, sequential, lipsdp-layer and
            lipsdp (LipSDP up to 512 hidden neurons, counted in the largest model);
            product and path in norm 1 or inf.
        norm : {1, 2, inf}, default=2
            Norm; the lower bound is for 2 only.
        random_state : int, RandomState instance or None, default=None
            Seed of the search.
        {name, ax, line_kwargs}

        Returns
        -------
        display : LipschitzBoundsDisplay
            What was drawn.
        """
        models, names = named_estimators(estimator, name)
        norm, random_state = check_norm(norm), check_random(random_state)
        methods = _ladder(models, norm) if methods is None else _checked(methods, norm)
        bounds = [
            [float(lipschitz_bound(model, method=m, norm=norm)) for m in methods]
            for model in models
        ]
        lower = None
        if norm == 2:
            lower = [
                float(lipschitz_lower_bound(model, X, random_state=random_state))
                for model in models
            ]
        if not holds_several(estimator):
            bounds, lower, names = bounds[0], lower and lower[0], names[0]
        display = cls(
            methods=list(methods),
            bounds=np.array(bounds),
            lower=lower,
            norm=norm,
            estimator_name=names,
        )
        return display.plot(ax=ax, **line_kwargs)

    def _draw(self, name, line_kwargs):
        bounds = np.atleast_2d(np.asarray(self.bounds, dtype=float))
        _, names = named_estimators(list(bounds), name)
        lower = [None] * len(bounds) if self.lower is None else np.ravel(self.lower)
        self.lines_ = []
        for k, (label, row) in enumerate(zip(names, bounds, strict=True)):
            style = {"marker": model_style(k)["marker"], **line_kwargs}
            dashes = (2 * k, (2, 2 * max(len(names) - 1, 1)))  # side by side
            self._plot_model(label if name else None, row, (lower[k], dashes), style)
        norm = check_norm(self.norm)
        norm = "∞" if norm == np.inf else f"{norm:g}"
        self.ax_.set_xticks(np.arange(len(self.methods)), self.methods)
        self.ax_.set_yscale("log")
        set_titles(self.ax_, None, f"Lipschitz constant (ℓ{norm})")
        plain_numbers(self.ax_.yaxis)
        self.ax_.margins(x=0.12, y=0.15)
        add_legend(self.ax_)

    def _plot_model(self, name, bounds, lower, line_kwargs):
        """Bounds of one model, and what a pair of inputs reaches."""
        lower, dashes = lower
        rungs = np.arange(len(self.methods))
        style = {"linestyle": "-", "label": name, **line_kwargs}
        self.lines_ += self.ax_.plot(rungs, bounds, **style)
        color = self.lines_[-1].get_color()
        for x, value in zip(rungs, bounds, strict=True):
            self.ax_.annotate(
                f"{value:.3g}", (x, value), (0, 6), textcoords="offset points"
            )
        if lower is not None:
            label = f"{name}, reached by a pair" if name else "reached by a pair"
            style = {"color": color, "linestyle": dashes, "label": label}
            self.lines_.append(self.ax_.axhline(lower, **style))


def _ladder(models, norm):
    """From loose to tight, without LipSDP where a model is too large for it."""
    methods = _LADDER if norm == 2 else _ANY_NORM
    subjects = [subject_of(model) for model in models]
    if any(isinstance(subject, ModuleSubject) for subject in subjects):
        return ["product"]
    # LipSDP is left out where it is not chosen by itself.
    if not all(METHODS["lipsdp"].fits(subject.network) for subject in subjects):
        methods = [m for m in methods if not m.startswith("lipsdp")]
    return methods


def _checked(methods, norm):
    """The methods asked for, each tried on a network of one weight."""
    if isinstance(methods, str) or not hasattr(methods, "__iter__"):
        raise TypeError(f"methods must be a list of names, got {methods!r}.")
    methods = list(methods)
    if not methods:
        raise ValueError("methods is empty: at least one name is needed.")
    for method in methods:
        try:
            lipschitz_bound(_PROBE, method=method, norm=norm)
        except ValueError as error:
            raise ValueError(f"methods: {error}") from None
    return methods
