# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Accuracy of several classifiers under noise of growing size."""

import numpy as np

from sklip._documentation import documented
from sklip._shared_docs import DISPLAY, SHARED
from sklip.certification import noise_accuracy_curve
from sklip.inspection._axes import model_style
from sklip.inspection._display import Display
from sklip.inspection._names import named_estimators
from sklip.inspection._text import add_legend, set_titles

__all__ = ["NoiseRobustnessDisplay"]


@documented(DISPLAY, SHARED)
class NoiseRobustnessDisplay(Display):
    """Accuracy against the standard deviation of Gaussian noise, mean and spread.

    Parameters
    ----------
    noise_stds : array-like of shape (n_stds,)
        Standard deviations of the noise.
    accuracies : list of array-like of shape (n_stds, n_repeats)
        For each estimator, what :func:`noise_accuracy_curve` gives.
    {estimator_names}

    Attributes
    ----------
    {figure_, ax_}
    lines_ : list of matplotlib Line2D
        The means, one for each estimator.
    bands_ : list of matplotlib PolyCollection
        From the lowest to the highest repeat, where there are several.

    See Also
    --------
    sklip.certification.noise_accuracy_curve : The numbers.

    Notes
    -----
    Figures 2-7 of paper 002 (U12). Figure 1, accuracy over the share of the training
    data, is scikit-learn's ``LearningCurveDisplay`` with
    ``scoring=make_noise_accuracy_scorer(noise_std=...)``.

    Examples
    --------
    {iris_model}
    >>> from sklip.inspection import NoiseRobustnessDisplay
    >>> NoiseRobustnessDisplay.from_estimator(
    ...     {"logistic": model}, X, y, n_repeats=3
    ... )  # doctest: +SKIP
    """

    def __init__(self, *, noise_stds, accuracies, estimator_names):
        self.noise_stds = np.asarray(noise_stds, dtype=float)
        self.accuracies = [np.asarray(a, dtype=float) for a in accuracies]
        self.estimator_names = list(estimator_names)
        n_stds = len(self.noise_stds)
        shaped = all(a.ndim == 2 and len(a) == n_stds for a in self.accuracies)
        if not shaped or len(self.accuracies) != len(self.estimator_names):
            raise ValueError(
                f"accuracies must hold one array of shape ({n_stds}, n_repeats) for "
                f"each of the {len(self.estimator_names)} estimator_names, got shapes "
                f"{[a.shape for a in self.accuracies]}."
            )

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        noise_stds=None,
        n_repeats=1,
        random_state=0,
        sample_weight=None,
        name=None,
        ax=None,
        **line_kwargs,
    ):
        """Measure and draw one estimator, or several.

        Parameters
        ----------
        {estimator}
        X : array-like of shape (n_samples, ...)
            Samples.
        {y}
        noise_stds : array-like of shape (n_stds,), default=None
            Standard deviations; None takes 0 to 0.5 in steps of 0.01.
        n_repeats : int, default=1
            Draws of the noise.
        random_state : int or None, default=0
            Seed of the noise, the same for all estimators.
        {sample_weight, name, ax, line_kwargs}

        Returns
        -------
        display : NoiseRobustnessDisplay
            What was drawn.
        """
        estimators, names = named_estimators(estimator, name)
        stds = np.linspace(0.0, 0.5, 51) if noise_stds is None else noise_stds
        asked = {
            "n_repeats": n_repeats,
            "sample_weight": sample_weight,
            "random_state": random_state,
        }
        measured = [
            noise_accuracy_curve(model, X, y, stds, **asked) for model in estimators
        ]
        display = cls(noise_stds=stds, accuracies=measured, estimator_names=names)
        return display.plot(ax=ax, **line_kwargs)

    def _draw(self, name, line_kwargs):
        _, names = named_estimators(self.accuracies, name)
        self.lines_, self.bands_ = [], []
        pairs = zip(names, self.accuracies, strict=True)
        for k, (label, accuracy) in enumerate(pairs):
            style = {**model_style(k, len(names) > 1), "label": label, **line_kwargs}
            mean = accuracy.mean(axis=1)
            self.lines_ += self.ax_.plot(self.noise_stds, mean, **style)
            if accuracy.shape[1] > 1:
                band = self.ax_.fill_between(
                    self.noise_stds,
                    accuracy.min(axis=1),
                    accuracy.max(axis=1),
                    color=self.lines_[-1].get_color(),
                    alpha=0.2,
                    linewidth=0,
                )
                self.bands_.append(band)
        set_titles(self.ax_, "standard deviation of the noise (units of X)", "accuracy")
        add_legend(self.ax_)
