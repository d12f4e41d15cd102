# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Errors among the answers, against the share of samples that are answered."""

import numpy as np

from sklip._arguments import check_labels, check_norm, check_sample_weight
from sklip._documentation import documented
from sklip._shared_docs import DISPLAY, SHARED
from sklip.certification import (
    certified_radius,
    predicted_labels,
    risk_coverage_curve,
)
from sklip.estimators import CertifiedRejectClassifier
from sklip.inspection._axes import model_style
from sklip.inspection._display import Display
from sklip.inspection._names import named_estimators
from sklip.inspection._text import add_legend, set_titles

__all__ = ["RiskCoverageDisplay"]


@documented(DISPLAY, SHARED)
class RiskCoverageDisplay(Display):
    """Risk–coverage curves: rejecting the smallest certified radii first.

    Parameters
    ----------
    coverages : list of array-like of shape (n_thresholds,)
        For each estimator, the shares of answered samples.
    risks : list of array-like of shape (n_thresholds,)
        For each estimator, the error rates among them.
    {estimator_names}
    points : list of tuple of float, default=None
        For each estimator (coverage, risk) of the radius it rejects at, or None.

    Attributes
    ----------
    {figure_, ax_}
    lines_ : list of matplotlib Line2D
        One for each estimator.

    See Also
    --------
    sklip.risk_coverage_curve : The numbers.
    sklip.CertifiedRejectClassifier : Rejects at one radius.

    Examples
    --------
    {iris_model}
    >>> from sklip.inspection import RiskCoverageDisplay
    >>> display = RiskCoverageDisplay.from_estimator(model, X, y)
    >>> len(display.lines_)
    1
    """

    def __init__(self, *, coverages, risks, estimator_names, points=None):
        self.coverages = [np.asarray(c, dtype=float) for c in coverages]
        self.risks = [np.asarray(r, dtype=float) for r in risks]
        self.estimator_names = list(estimator_names)
        self.points = points
        shapes = [
            (c.shape, r.shape) for c, r in zip(self.coverages, self.risks, strict=False)
        ]
        equal = all(c == r and len(c) == 1 for c, r in shapes)
        n_names = len(self.estimator_names)
        if not equal or {len(self.coverages), len(self.risks)} != {n_names}:
            raise ValueError(
                "coverages and risks must hold one array each, of the same length, for "
                f"each of the {n_names} estimator_names, got shapes {shapes}."
            )

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        norm=2,
        method="best",
        effort="normal",
        feature_eps=None,
        sample_weight=None,
        n_jobs=None,
        verbose=0,
        name=None,
        ax=None,
        **line_kwargs,
    ):
        """Certify and draw one classifier, or several.

        Parameters
        ----------
        estimator : fitted classifier, list or dict of str to fitted classifier
            What is compared; the keys of a dict are the labels. A
            CertifiedRejectClassifier brings its own ``norm``, ``method`` and
            ``feature_eps``, and its radius is marked.
        {X, y, norm, method, effort, feature_eps, sample_weight}
        {n_jobs, verbose, name, ax}
        **line_kwargs : dict
            Passed to ``Axes.step``.

        Returns
        -------
        display : RiskCoverageDisplay
            What was drawn.
        """
        models, names = named_estimators(estimator, name)
        y = check_labels(y)
        norm = check_norm(norm)
        check_sample_weight(sample_weight, len(y))
        coverages, risks, points = [], [], []
        for model in models:
            kwargs = {"norm": norm, "method": method, "feature_eps": feature_eps}
            at = None
            if isinstance(model, CertifiedRejectClassifier):
                kwargs = {key: getattr(model, key) for key in kwargs}
                model, at = model.estimator_, model.radius
            kwargs |= {"n_jobs": n_jobs, "verbose": verbose}
            radius = certified_radius(model, X, effort=effort, **kwargs)
            if len(radius) != len(y):
                raise ValueError(
                    f"X has {len(radius)} samples, but y has {len(y)} labels."
                )
            coverage, risk, thresholds = risk_coverage_curve(
                y, predicted_labels(model, X), radius, sample_weight=sample_weight
            )
            coverages.append(coverage)
            risks.append(risk)
            points.append(_point(coverage, risk, thresholds, at))
        display = cls(
            coverages=coverages, risks=risks, estimator_names=names, points=points
        )
        return display.plot(ax=ax, **line_kwargs)

    @classmethod
    def from_predictions(
        cls,
        y_true,
        y_pred,
        radius,
        *,
        sample_weight=None,
        name=None,
        ax=None,
        **line_kwargs,
    ):
        """Draw from predictions and their radii.

        Parameters
        ----------
        {y_true, y_pred}
        radius : array-like of shape (n_samples,)
            Certified radii of the predictions, or other measures of confidence.
        {sample_weight}
        name : str, default=None
            Label; None is "classifier".
        {ax}
        **line_kwargs : dict
            Passed to ``Axes.step``.

        Returns
        -------
        display : RiskCoverageDisplay
            What was drawn.
        """
        coverage, risk, _ = risk_coverage_curve(
            y_true, y_pred, radius, sample_weight=sample_weight
        )
        display = cls(
            coverages=[coverage],
            risks=[risk],
            estimator_names=["classifier" if name is None else name],
        )
        return display.plot(ax=ax, **line_kwargs)

    def _draw(self, name, line_kwargs):
        _, names = named_estimators(self.coverages, name)
        self.lines_ = []
        for k, label in enumerate(names):
            style = model_style(k, len(names) > 1) | {"label": label, "where": "post"}
            style |= line_kwargs
            self.lines_ += self.ax_.step(self.coverages[k], self.risks[k], **style)
            if self.points is not None and self.points[k] is not None:
                color = self.lines_[-1].get_color()
                self.ax_.plot(*self.points[k], marker="*", ms=11, color=color)
        self.ax_.set_xlim(0.0, 1.0)
        set_titles(
            self.ax_,
            "coverage: share of samples answered",
            "risk: errors among the answers",
        )
        self.ax_.set_ylim(bottom=0.0)
        add_legend(self.ax_, loc="upper left")


def _point(coverage, risk, thresholds, radius):
    """Coverage and risk of rejecting below a radius; None if nothing is answered."""
    if radius is None or radius > thresholds[-1]:
        return None
    k = np.searchsorted(thresholds, radius)
    return float(coverage[k]), float(risk[k])
