# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Quantiles of a Jacobian's entries against the normal law."""

from sklip._documentation import documented
from sklip._shared_docs import DISPLAY
from sklip.bounds import jacobian_diagnostic
from sklip.inspection._display import Display
from sklip.inspection._names import holds_several, named_estimators
from sklip.inspection._text import add_legend, set_titles

__all__ = ["JacobianDiagnosticDisplay"]


@documented(DISPLAY)
class JacobianDiagnosticDisplay(Display):
    """Quantile plot of the Jacobian's entries, with what stands against the theory.

    Parameters
    ----------
    diagnostic : JacobianDiagnostic or list of JacobianDiagnostic
        What :func:`jacobian_diagnostic` found, for one model or for each of several.
    estimator_name : str or list of str, default=None
        Label of the entries, one for each model.

    Attributes
    ----------
    {figure_, ax_}
    lines_ : list of matplotlib Line2D
        The quantiles of each model, and the line of the normal law.

    Notes
    -----
    Item A19 of paper 000.

    Examples
    --------
    >>> from sklip.bounds import jacobian_diagnostic
    >>> from sklip.inspection import JacobianDiagnosticDisplay
    >>> from sklip.networks import random_network
    >>> network = random_network([40, 20, 10], random_state=0)
    >>> diagnostic = jacobian_diagnostic(network, [[1.0] * 40], random_state=0)
    >>> JacobianDiagnosticDisplay(diagnostic=diagnostic).plot()  # doctest: +SKIP
    """

    _labels = "estimator_name"

    def __init__(self, *, diagnostic, estimator_name=None):
        self.diagnostic = diagnostic
        self.estimator_name = estimator_name

    @classmethod
    def from_estimator(
        cls, estimator, X, *, random_state=None, name=None, ax=None, **line_kwargs
    ):
        """Run the diagnostic of a fitted model, or of several, and draw it.

        Parameters
        ----------
        estimator : model as for :func:`jacobian_diagnostic`, list or dict of models
            What is compared; the keys of a dict are the labels.
        X : array-like of shape (n_samples, n_features)
            Where to take the Jacobian.
        random_state : int, RandomState instance or None, default=None
            Seed of the choice of samples and of the reference.
        {name, ax, line_kwargs}

        Returns
        -------
        display : JacobianDiagnosticDisplay
            What was drawn.
        """
        models, names = named_estimators(estimator, name)
        found = [jacobian_diagnostic(m, X, random_state=random_state) for m in models]
        if not holds_several(estimator):
            found, names = found[0], names[0]
        display = cls(diagnostic=found, estimator_name=names)
        return display.plot(ax=ax, **line_kwargs)

    def _draw(self, name, line_kwargs):
        several = holds_several(self.diagnostic)
        found = list(self.diagnostic) if several else [self.diagnostic]
        _, names = named_estimators(found, name)
        self.lines_ = []
        for label, diagnostic in zip(names, found, strict=True):
            numbers = f"kurtosis {diagnostic.statistics['kurtosis']:+.1f}, edge "
            numbers += f"{diagnostic.statistics['edge']:.2f}"
            style = {
                "marker": ".",
                "linestyle": "none",
                "label": f"{label}\n{numbers}" if name else numbers,
                **line_kwargs,
            }
            self.lines_ += self.ax_.plot(
                diagnostic.theoretical, diagnostic.observed, **style
            )
        ends = found[0].theoretical[[0, -1]]
        self.lines_ += self.ax_.plot(ends, ends, color="0.6", linewidth=1, zorder=0)
        set_titles(
            self.ax_,
            "quantiles of the normal law",
            "quantiles of the standardised entries of J",
        )
        add_legend(self.ax_, font="small", loc="upper left")
