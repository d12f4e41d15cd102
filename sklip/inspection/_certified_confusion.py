# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Which classes are taken for which, as far as that is proven within a radius."""

import numpy as np

from sklip._arguments import (
    check_effort,
    check_labels,
    check_norm,
    check_option,
    check_radius,
    check_sample_weight,
)
from sklip._documentation import documented
from sklip._shared_docs import DISPLAY, SHARED
from sklip.certification import certification_report, is_certified
from sklip.inspection._axes import new_panels
from sklip.inspection._names import named_estimators
from sklip.inspection._text import shortened

__all__ = ["CertifiedConfusionMatrixDisplay"]

_OPEN = "not certified"
# Shares of the width of a panel that a title, and a name of a class, may take.
_TITLE, _LABELS = 0.9, 0.25


@documented(DISPLAY, SHARED)
class CertifiedConfusionMatrixDisplay:
    """Confusion matrix of what holds for every perturbation up to a radius.

    A sample counts under the class that is predicted all over its ball, or in the last
    column where that is not proven. The diagonal over all is the certified accuracy.

    Parameters
    ----------
    matrices : list of array-like of shape (n_classes, n_classes + 1)
        For each estimator, a row for each true class, a column for each predicted one
        and a last one for what is not certified.
    display_labels : array-like of shape (n_classes,)
        Names of the classes.
    estimator_names : list of str
        Titles, one for each estimator.
    radius : float
        Size of the perturbations.

    Attributes
    ----------
    {figure_}
    axes_ : ndarray of matplotlib Axes
        One for each estimator.
    images_ : list of matplotlib AxesImage
        The matrices.
    texts_ : list of ndarray of matplotlib Text
        Their entries.

    See Also
    --------
    sklip.certified_accuracy_score : Share of the diagonal.

    Examples
    --------
    {iris_model}
    >>> from sklip.inspection import CertifiedConfusionMatrixDisplay
    >>> display = CertifiedConfusionMatrixDisplay.from_estimator(
    ...     model, X, y, radius=0.2
    ... )
    >>> display.matrices[0].shape
    (3, 4)
    """

    def __init__(self, *, matrices, display_labels, estimator_names, radius):
        self.matrices = [np.asarray(matrix, dtype=float) for matrix in matrices]
        self.display_labels = np.asarray(display_labels)
        self.estimator_names = list(estimator_names)
        self.radius = radius
        n = len(self.display_labels)
        shapes = [matrix.shape for matrix in self.matrices]
        if set(shapes) != {(n, n + 1)} or len(shapes) != len(self.estimator_names):
            raise ValueError(
                f"matrices must hold one of shape {(n, n + 1)} for each of the "
                f"{len(self.estimator_names)} estimator_names, got shapes {shapes}."
            )

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        radius=0.1,
        norm=2,
        method="best",
        feature_eps=None,
        normalize=None,
        sample_weight=None,
        effort="normal",
        n_jobs=None,
        verbose=0,
        name=None,
        ax=None,
        **image_kwargs,
    ):
        """Certify samples and draw the matrix of one classifier, or of several.

        Parameters
        ----------
        estimator : fitted classifier, list or dict of str to fitted classifier
            What is compared; the keys of a dict are the titles.
        {X, y}
        radius : float, default=0.1
            Size of the perturbations, in the units of X (or of feature_eps).
        {norm, method, feature_eps}
        normalize : {"true", "all"}, default=None
            Shares of each true class or of all samples, in place of counts.
        {sample_weight, effort, n_jobs, verbose}
        name : str or list of str, default=None
            Titles; None takes the keys or the names of the classes.
        ax : matplotlib Axes or list of Axes, default=None
            Where to draw, one for each estimator.
        **image_kwargs : dict
            Passed to ``Axes.imshow``.

        Returns
        -------
        display : CertifiedConfusionMatrixDisplay
            What was drawn.
        """
        models, names = named_estimators(estimator, name)
        radius, norm = check_radius(radius), check_norm(norm)
        if normalize is not None:
            check_option(normalize, "normalize", ("true", "all"))
        y = check_labels(y)
        weight = check_sample_weight(sample_weight, len(y))
        asked = {
            "radius": radius,
            "norm": norm,
            "method": method,
            "feature_eps": feature_eps,
            "effort": check_effort(effort),
            "n_jobs": n_jobs,
            "verbose": verbose,
        }
        plain = {"method": "product", "attack": False}
        held = [
            (
                np.asarray(certification_report(m, X, **plain)["prediction"]),
                is_certified(m, X, **asked),
            )
            for m in models
        ]
        if len(held[0][0]) != len(y):
            raise ValueError(
                f"X has {len(held[0][0])} samples, but y has {len(y)} labels."
            )
        labels = np.unique(np.concatenate([y, *(found for found, _ in held)]))
        matrices = [
            _matrix(y, found, certified, labels, weight, normalize)
            for found, certified in held
        ]
        display = cls(
            matrices=matrices,
            display_labels=labels,
            estimator_names=names,
            radius=radius,
        )
        return display.plot(ax=ax, **image_kwargs)

    def plot(self, ax=None, *, name=None, **image_kwargs):
        """Draw the matrices.

        Parameters
        ----------
        ax : matplotlib Axes or list of Axes, default=None
            None makes a figure.
        name : str or list of str, default=None
            Titles in place of ``estimator_names``.
        **image_kwargs : dict
            Passed to ``Axes.imshow``.

        Returns
        -------
        display : CertifiedConfusionMatrixDisplay
            Itself.
        """
        names = self.estimator_names if name is None else name
        _, names = named_estimators(self.matrices, names)
        self.figure_, self.axes_ = new_panels(ax, self, len(self.matrices))
        self.images_, self.texts_ = [], []
        for axes, matrix, title in zip(self.axes_, self.matrices, names, strict=True):
            self._plot_matrix(axes, matrix, image_kwargs)
            title = self._fitting(title, _TITLE)
            axes.set_title(title, fontsize="medium", parse_math=False)
        return self

    def _fitting(self, text, share):
        """A text on one line, cut to a share of the width of a panel."""
        width = 72.0 * self.figure_.get_figwidth() / len(self.matrices)
        return shortened(" ".join(str(text).split()), share * width, 10.0)

    def _plot_matrix(self, axes, matrix, image_kwargs):
        style = {"cmap": "Blues", "vmin": 0.0, **image_kwargs}
        image = axes.imshow(matrix, **style)
        dark = image.norm(matrix) > 0.5
        whole = np.all(matrix == np.rint(matrix))
        texts = np.empty(matrix.shape, dtype=object)
        for (i, j), value in np.ndenumerate(matrix):
            texts[i, j] = axes.text(
                j,
                i,
                f"{value:.0f}" if whole else f"{value:.2f}",
                ha="center",
                va="center",
                color="white" if dark[i, j] else "black",
            )
        labels = [self._fitting(label, _LABELS) for label in self.display_labels]
        places, plain = range(len(labels) + 1), {"parse_math": False}
        axes.set_xticks(places, [*labels, _OPEN], rotation=45, ha="right", **plain)
        axes.set_yticks(range(len(labels)), labels, **plain)
        axes.axvline(len(labels) - 0.5, color="gray", linewidth=1.0)
        axes.set(xlabel=f"predicted within radius {self.radius:g}", ylabel="true class")
        self.images_.append(image)
        self.texts_.append(texts)


def _matrix(y, found, certified, labels, weight, normalize):
    """Weights of the samples by true class and by what is proven of them."""
    n = len(labels)
    rows = np.searchsorted(labels, y)
    columns = np.where(certified, np.searchsorted(labels, found), n)
    matrix = np.zeros((n, n + 1))
    np.add.at(matrix, (rows, columns), weight)
    if normalize == "all":
        return matrix / matrix.sum()
    if normalize == "true":
        return matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1e-300)
    return matrix
