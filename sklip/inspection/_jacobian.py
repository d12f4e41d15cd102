# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Quantiles of a Jacobian's entries against the normal law."""

from sklip.bounds import jacobian_diagnostic
from sklip.inspection._axes import new_axes

__all__ = ["JacobianDiagnosticDisplay"]


class JacobianDiagnosticDisplay:
    """Quantile plot of the Jacobian's entries, with what stands against the theory.

    Parameters
    ----------
    diagnostic : JacobianDiagnostic
        What :func:`jacobian_diagnostic` found.
    estimator_name : str, default=None
        Label of the entries.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    ax_ : matplotlib Axes
        The axes.
    lines_ : list of matplotlib Line2D
        The quantiles, and the line of the normal law.

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

    def __init__(self, *, diagnostic, estimator_name=None):
        self.diagnostic = diagnostic
        self.estimator_name = estimator_name

    @classmethod
    def from_estimator(
        cls, estimator, X, *, random_state=None, name=None, ax=None, **line_kwargs
    ):
        """Run the diagnostic of a fitted model and draw it.

        Parameters
        ----------
        estimator : FeedForward, fitted estimator or Pipeline
            As for :func:`jacobian_diagnostic`.
        X : array-like of shape (n_samples, n_features)
            Where to take the Jacobian.
        random_state : int, RandomState instance or None, default=None
            Seed of the choice of samples and of the reference.
        name : str, default=None
            Label; None takes the class's name.
        ax : matplotlib Axes, default=None
            Where to draw.
        **line_kwargs : dict
            Passed to ``Axes.plot``.

        Returns
        -------
        display : JacobianDiagnosticDisplay
            What was drawn.
        """
        diagnostic = jacobian_diagnostic(estimator, X, random_state=random_state)
        name = type(estimator).__name__ if name is None else name
        display = cls(diagnostic=diagnostic, estimator_name=name)
        return display.plot(ax=ax, **line_kwargs)

    def plot(self, ax=None, *, name=None, **line_kwargs):
        """Draw the quantiles.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            None makes a figure.
        name : str, default=None
            Label; None takes ``estimator_name``.
        **line_kwargs : dict
            Passed to ``Axes.plot`` for the entries.

        Returns
        -------
        display : JacobianDiagnosticDisplay
            Itself.
        """
        self.figure_, self.ax_ = new_axes(ax, self)
        found = self.diagnostic
        name = self.estimator_name if name is None else name
        numbers = f"kurtosis {found.statistics['kurtosis']:+.1f}, edge "
        numbers += f"{found.statistics['edge']:.2f}"
        name = name and f"{name}\n"
        style = {
            "marker": ".",
            "linestyle": "none",
            "label": f"{name or ''}{numbers}",
            **line_kwargs,
        }
        self.lines_ = self.ax_.plot(found.theoretical, found.observed, **style)
        ends = found.theoretical[[0, -1]]
        self.lines_ += self.ax_.plot(ends, ends, color="0.6", linewidth=1, zorder=0)
        self.ax_.set(
            xlabel="quantiles of the normal law",
            ylabel="quantiles of the standardised entries of J",
        )
        self.ax_.legend(loc="upper left", fontsize="small")
        return self
