# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Certified accuracy over the radius, clean and adversarial accuracy beside it."""

import numpy as np

from sklip._arguments import (
    check_count,
    check_effort,
    check_flag,
    check_labels,
    check_norm,
    check_radii,
    check_random,
    check_sample_weight,
)
from sklip._documentation import documented
from sklip._shared_docs import DISPLAY, SHARED
from sklip.certification import certified_accuracy_score
from sklip.inspection._axes import model_style, radius_label
from sklip.inspection._curves import (
    as_curves,
    attacked_curve,
    certified_curves,
    default_radii,
    distances,
    proven_shares,
)
from sklip.inspection._display import Display
from sklip.inspection._names import named_estimators
from sklip.inspection._text import add_legend, set_titles

__all__ = ["CertifiedAccuracyDisplay"]


@documented(DISPLAY, SHARED)
class CertifiedAccuracyDisplay(Display):
    """Accuracy that is proven, and that an attack leaves, over the radius.

    The true robust accuracy lies between the two curves: the band between them is what
    is not known.

    Parameters
    ----------
    radii : array-like of shape (n_radii,)
        Sizes of the perturbations, rising.
    certified_accuracies : list of array-like of shape (n_radii,)
        For each estimator, what :func:`sklip.certified_accuracy_curve` gives.
    adversarial_accuracies : list of array-like of shape (n_radii,), default=None
        For each estimator, the accuracy under an attack.
    clean_accuracies : list of float, default=None
        For each estimator, the accuracy without perturbation.
    {estimator_names, norm}
    in_tolerances : bool, default=False
        Whether radii are multiples of the tolerances of ``feature_eps``, which the axis
        then says.

    Attributes
    ----------
    {figure_, ax_}
    lines_ : list of matplotlib Line2D
        Certified accuracy, one line for each estimator.
    adversarial_lines_, clean_lines_ : list of matplotlib Line2D
        The other curves, where there are any.
    bands_ : list of matplotlib PolyCollection
        Between certified and adversarial accuracy.

    See Also
    --------
    sklip.certified_accuracy_curve : The numbers.
    RiskCoverageDisplay : What rejecting small radii does to the errors.

    Examples
    --------
    {iris_model}
    >>> from sklip.inspection import CertifiedAccuracyDisplay
    >>> display = CertifiedAccuracyDisplay.from_estimator(model, X, y)
    >>> len(display.lines_), len(display.adversarial_lines_)
    (1, 1)
    """

    def __init__(
        self,
        *,
        radii,
        certified_accuracies,
        adversarial_accuracies=None,
        clean_accuracies=None,
        estimator_names,
        norm=2,
        in_tolerances=False,
    ):
        self.in_tolerances = check_flag(in_tolerances, "in_tolerances")
        self.radii = np.asarray(radii, dtype=float)
        self.certified_accuracies = as_curves(certified_accuracies)
        self.adversarial_accuracies = as_curves(adversarial_accuracies)
        self.clean_accuracies = clean_accuracies
        self.estimator_names = list(estimator_names)
        self.norm = norm
        shape, n_names = self.radii.shape, len(self.estimator_names)
        for name in ("certified_accuracies", "adversarial_accuracies"):
            curves = getattr(self, name)
            if curves is None:
                continue
            if len(curves) != n_names or any(c.shape != shape for c in curves):
                raise ValueError(
                    f"{name} must hold one array of shape {shape} for each of the "
                    f"{n_names} estimator_names, got {[c.shape for c in curves]}."
                )

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        radii=None,
        norm=2,
        method="best",
        effort="normal",
        feature_eps=None,
        adversarial=True,
        n_steps=20,
        n_restarts=2,
        random_state=0,
        sample_weight=None,
        n_jobs=None,
        verbose=0,
        name=None,
        ax=None,
        **line_kwargs,
    ):
        """Certify, attack and draw one classifier, or several.

        Parameters
        ----------
        {estimator, X, y}
        radii : array-like of shape (n_radii,), default=None
            Radii >= 0; None takes 26 from 0 to where 2 % are certified still.
        {norm, method, effort, feature_eps}
        adversarial : bool, default=True
            Attack too; at each radius, which takes most of the time.
        n_steps, n_restarts : int, default=20, 2
            Effort of the attack at each radius.
        random_state : int, RandomState instance or None, default=0
            Of the attack's random starts.
        {sample_weight, n_jobs, verbose, name, ax, line_kwargs}

        Returns
        -------
        display : CertifiedAccuracyDisplay
            What was drawn.
        """
        models, names = named_estimators(estimator, name)
        kwargs = {"norm": check_norm(norm), "feature_eps": feature_eps}
        kwargs |= {"n_jobs": n_jobs, "verbose": verbose}
        radii = None if radii is None else np.sort(check_radii(radii))
        attack = {
            "n_steps": check_count(n_steps, "n_steps"),
            "n_restarts": check_count(n_restarts, "n_restarts"),
            "random_state": check_random(random_state),
        }
        check_flag(adversarial, "adversarial")
        sample_weight = check_sample_weight(sample_weight, len(check_labels(y)))
        how = {"method": method, "effort": check_effort(effort)}
        how |= {"sample_weight": sample_weight} | kwargs
        clean = [certified_accuracy_score(m, X, y, radius=0.0, **how) for m in models]
        radii, certified = certified_curves(models, X, y, radii, clean, how)
        attacked = None
        if adversarial:
            kwargs |= attack
            attacked = [
                attacked_curve(m, X, y, radii, sample_weight, kwargs) for m in models
            ]
        display = cls(
            radii=radii,
            certified_accuracies=certified,
            adversarial_accuracies=attacked,
            clean_accuracies=clean,
            estimator_names=names,
            norm=kwargs["norm"],
            in_tolerances=feature_eps is not None,
        )
        return display.plot(ax=ax, **line_kwargs)

    @classmethod
    def from_predictions(
        cls,
        y_true,
        y_pred,
        radius,
        *,
        distance=None,
        radii=None,
        norm=2,
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
            Certified radii of the predictions.
        distance : array-like of shape (n_samples,), default=None
            Distance of the nearest flip that an attack found; inf where it found none.
            :func:`sklip.robustness_bracket` gives both.
        radii : array-like of shape (n_radii,), default=None
            As for :meth:`from_estimator`.
        {norm, sample_weight}
        name : str, default=None
            Label; None is "classifier".
        {ax, line_kwargs}

        Returns
        -------
        display : CertifiedAccuracyDisplay
            What was drawn.
        """
        y_true, y_pred = check_labels(y_true, "y_true"), check_labels(y_pred, "y_pred")
        sample_weight = check_sample_weight(sample_weight, len(y_true))
        if len(y_pred) != len(y_true):
            raise ValueError(
                f"y_pred has {len(y_pred)} labels, but y_true has {len(y_true)}."
            )
        radius = distances(radius, "radius", len(y_true))
        correct = y_true == y_pred
        clean = np.average(correct, weights=sample_weight)
        proven = np.where(correct, radius, 0.0)
        radii = (
            default_radii([proven]) if radii is None else np.sort(check_radii(radii))
        )
        attacked = None
        if distance is not None:
            distance = distances(distance, "distance", len(y_true))
            # A flip at a distance is one for every larger radius.
            left = np.where(correct, distance, 0.0) > radii[:, None]
            attacked = [np.average(left, axis=1, weights=sample_weight)]
        display = cls(
            radii=radii,
            certified_accuracies=[proven_shares(proven, radii, sample_weight, clean)],
            adversarial_accuracies=attacked,
            clean_accuracies=[clean],
            estimator_names=["classifier" if name is None else name],
            norm=norm,
        )
        return display.plot(ax=ax, **line_kwargs)

    def _draw(self, name, line_kwargs):
        _, names = named_estimators(self.certified_accuracies, name)
        self.lines_, self.adversarial_lines_ = [], []
        self.clean_lines_, self.bands_ = [], []
        for k, label in enumerate(names):
            style = {**model_style(k, len(names) > 1), "label": label, **line_kwargs}
            self.lines_ += self.ax_.plot(
                self.radii, self.certified_accuracies[k], **style
            )
            self._plot_beside(k, self.lines_[-1].get_color())
        radius = radius_label(check_norm(self.norm), self.in_tolerances)
        self.ax_.set_ylim(0.0, 1.02)
        set_titles(self.ax_, radius, "accuracy")
        self.ax_.margins(x=0.0)
        self._add_legend()

    def _plot_beside(self, k, color):
        """Adversarial and clean accuracy of one estimator."""
        if self.adversarial_accuracies is not None:
            attacked = self.adversarial_accuracies[k]
            self.adversarial_lines_ += self.ax_.plot(
                self.radii, attacked, color=color, linestyle="--", linewidth=1.2
            )
            band = self.ax_.fill_between(
                self.radii,
                self.certified_accuracies[k],
                attacked,
                color=color,
                alpha=0.12,
                linewidth=0,
            )
            self.bands_.append(band)
        if self.clean_accuracies is not None:
            clean = np.full(len(self.radii), self.clean_accuracies[k])
            self.clean_lines_ += self.ax_.plot(
                self.radii, clean, color=color, linestyle=":", linewidth=1.2
            )

    def _add_legend(self):
        """Colours name estimators, line styles name what is drawn."""
        handles = list(self.lines_)
        from matplotlib.lines import Line2D

        styles = [("-", "certified", True)]
        styles.append(("--", "under attack (PGD)", bool(self.adversarial_lines_)))
        styles.append((":", "clean", bool(self.clean_lines_)))
        handles += [
            Line2D([], [], color="gray", linestyle=style, label=label)
            for style, label, drawn in styles
            if drawn
        ]
        add_legend(self.ax_, handles=handles, font="small")
