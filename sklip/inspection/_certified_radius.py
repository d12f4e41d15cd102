# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""How certified radii are distributed: by model, by class, by group."""

import numpy as np

from sklip._arguments import (
    check_effort,
    check_flag,
    check_groups,
    check_labels,
    check_norm,
    check_numbers,
    check_sample_weight,
)
from sklip._documentation import documented
from sklip._shared_docs import DISPLAY, SHARED
from sklip.certification import certified_radius
from sklip.inspection._axes import model_style, radius_label
from sklip.inspection._display import Display
from sklip.inspection._names import named_estimators
from sklip.inspection._text import add_legend, set_titles

__all__ = ["CertifiedRadiusDisplay"]


@documented(DISPLAY, SHARED)
class CertifiedRadiusDisplay(Display):
    """Distribution of certified radii: the share of samples with a smaller one.

    Parameters
    ----------
    radii : list of array-like of shape (n_samples,)
        For each line, the radii of its samples; infinity included.
    names : list of str
        Labels of the lines.
    sample_weights : list of array-like, default=None
        For each line, the weights of its samples.
    norm : {1, 2, numpy.inf}, default=2
        Norm of the radii.
    in_tolerances : bool, default=False
        Whether radii are multiples of the tolerances of ``feature_eps``, which the axis
        then says.

    Attributes
    ----------
    {figure_, ax_}
    lines_ : list of matplotlib Line2D
        The empirical distribution functions.

    See Also
    --------
    CertifiedAccuracyDisplay : One minus this, of the samples with labels.
    sklip.certification_report : The radii one by one.

    Examples
    --------
    {iris_model}
    >>> from sklip.inspection import CertifiedRadiusDisplay
    >>> display = CertifiedRadiusDisplay.from_estimator(model, X, y, groups="class")
    >>> display.names
    ['0', '1', '2']
    """

    _labels = "names"

    def __init__(
        self, *, radii, names, sample_weights=None, norm=2, in_tolerances=False
    ):
        self.in_tolerances = check_flag(in_tolerances, "in_tolerances")
        self.radii = [check_numbers(r, "radii", 1) for r in radii]
        self.names = [str(name) for name in names]
        if sample_weights is None:
            sample_weights = [None] * len(self.radii)
        if not len(self.radii) == len(self.names) == len(sample_weights):
            raise ValueError(
                "radii, names and sample_weights must have an entry for each line, got "
                f"{len(self.radii)}, {len(self.names)} and {len(sample_weights)}."
            )
        if not all(len(r) and (r >= 0.0).all() for r in self.radii):
            raise ValueError("radii must hold numbers >= 0, at least one in each line.")
        self.sample_weights = [
            check_sample_weight(weight, len(r))
            for weight, r in zip(sample_weights, self.radii, strict=True)
        ]
        self.norm = norm

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        norm=2,
        method="best",
        feature_eps=None,
        groups=None,
        sample_weight=None,
        effort="normal",
        n_jobs=None,
        verbose=0,
        name=None,
        ax=None,
        **line_kwargs,
    ):
        """Certify samples and draw the distribution of their radii.

        Parameters
        ----------
        {estimator, X}
        y : array-like of shape (n_samples,), default=None
            True labels: wrong predictions have the radius 0.
        {norm, method, feature_eps}
        groups : "class" or array-like of shape (n_samples,), default=None
            A line for each true class, or for each value; of each estimator.
        {sample_weight, effort, n_jobs, verbose}
        name : str or list of str, default=None
            Labels of the estimators; None takes the keys or the names of the classes.
        {ax}
        **line_kwargs : dict
            Passed to ``Axes.step``.

        Returns
        -------
        display : CertifiedRadiusDisplay
            What was drawn.
        """
        models, names = named_estimators(estimator, name)
        norm = check_norm(norm)
        y = None if y is None else check_labels(y)
        how = {"norm": norm, "method": method, "feature_eps": feature_eps}
        how["effort"] = check_effort(effort)
        how |= {"n_jobs": n_jobs, "verbose": verbose}
        found = [certified_radius(m, X, y, **how) for m in models]
        # Of a multilabel classifier that of the whole set of labels.
        found = [r if r.ndim == 1 else r.min(axis=1) for r in found]
        weight = check_sample_weight(sample_weight, len(found[0]))
        members = check_groups(groups, y, len(weight))
        radii, weights, labels = [], [], []
        for radius, model_name in zip(found, names, strict=True):
            for group, member in members.items():
                member = member & (weight > 0.0)
                if not member.any():
                    continue
                radii.append(radius[member])
                weights.append(weight[member])
                label = str(group) if len(models) == 1 else f"{model_name}, {group}"
                labels.append(model_name if groups is None else label)
        display = cls(
            radii=radii,
            names=labels,
            sample_weights=weights,
            norm=norm,
            in_tolerances=feature_eps is not None,
        )
        return display.plot(ax=ax, **line_kwargs)

    def _draw(self, name, line_kwargs):
        _, names = named_estimators(self.radii, name)
        finite = np.concatenate([r[np.isfinite(r)] for r in self.radii])
        end = 1.02 * finite.max(initial=0.0) or 1.0
        self.lines_ = []
        lines = zip(self.radii, self.sample_weights, names, strict=True)
        for k, (radius, weight, label) in enumerate(lines):
            places, heights = _distribution(radius, weight, end)
            style = model_style(k, len(names) > 1) | {"where": "post", "label": label}
            style |= line_kwargs
            self.lines_ += self.ax_.step(places, heights, **style)
        radius = radius_label(check_norm(self.norm), self.in_tolerances)
        self.ax_.set(ylim=(0.0, 1.02), xlim=(0.0, end))
        set_titles(self.ax_, f"certified {radius}", "share of samples up to it")
        add_legend(self.ax_, loc="lower right")


def _distribution(radius, weight, end):
    """Places and heights of the steps, from 0 to the end of the axis."""
    order = np.argsort(radius, kind="stable")
    heights = np.cumsum(weight[order]) / weight.sum()
    places, heights = radius[order], heights
    last = np.append(places[1:] != places[:-1], True) & np.isfinite(places)
    places, heights = places[last], heights[last]
    top = heights[-1] if len(heights) else 0.0
    return np.r_[0.0, places, end], np.r_[0.0, heights, top]
