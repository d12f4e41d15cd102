# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Class labels: encoded for the net, and read off its outputs."""

import numpy as np
from scipy.special import expit, log_expit, log_softmax, softmax
from sklearn.base import ClassifierMixin
from sklearn.utils import column_or_1d, compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets

from sklip._compat import StrOptions, fit_context
from sklip._documentation import documented
from sklip._multilabel import check_indicator, is_multilabel_target
from sklip.estimators._shared_docs import PREDICT
from sklip.training import CLASSIFIER_LOSSES, LABEL_LOSSES

__all__ = ["NetworkClassifierMixin", "is_stochastic"]


def is_stochastic(estimator):
    if isinstance(estimator.solver, str) and estimator.solver == "lbfgs":
        raise AttributeError(
            "partial_fit is only available for stochastic solvers ('adam', 'sgd' or a "
            "torch optimizer class): 'lbfgs' uses all samples at once."
        )
    return True


@documented(PREDICT)
class NetworkClassifierMixin(ClassifierMixin):
    """One logit for each class; labels of any type."""

    _y_numeric = False
    # Whether y is an indicator matrix: a sigmoid for each label in place of a softmax.
    _is_multilabel = False
    _target_constraints = {
        "loss": [StrOptions(set(CLASSIFIER_LOSSES))],
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    @property
    def _link(self):
        return "logistic" if self._is_multilabel else "softmax"

    @property
    def _loss_of_net(self):
        return LABEL_LOSSES[self.loss] if self._is_multilabel else self.loss

    @available_if(is_stochastic)
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one epoch more on these samples.

        A parameter changed since the last call counts from now on; the optimizer then
        starts without its moments. The layers cannot change.

        Parameters
        ----------
        {X}
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Class labels, or a matrix of 0 and 1 that says which labels hold.
        classes : array-like of shape (n_classes,), default=None
            All labels that will ever occur; required by the first call. Of a matrix the
            positions of its columns, if anything.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        first = not self.__sklearn_is_fitted__()
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' needs all samples at once; pass a dict to "
                "partial_fit instead."
            )
        if first:
            if classes is None and not is_multilabel_target(y):
                raise ValueError("The first call of partial_fit needs classes.")
            # For _encode_targets.
            self._partial_classes = None if classes is None else np.unique(classes)
        elif classes is not None and not np.array_equal(
            np.unique(classes), self.classes_
        ):
            raise ValueError("classes differ from those of the first partial_fit.")
        try:
            return self._fit_more(X, y, sample_weight, first)
        finally:
            vars(self).pop("_partial_classes", None)

    def _encode_targets(self, y, dtype, reset):
        check_classification_targets(y)
        if is_multilabel_target(y) if reset else self._is_multilabel:
            return self._encode_labels(y, dtype, reset)
        if y.ndim == 2 and y.shape[1] > 1:
            raise ValueError(
                f"y of shape {y.shape} must hold one label for each sample"
                + ("" if reset else ", as in the first fit")
                + ", or be a matrix of 0 and 1 for multilabel y. For several targets "
                "of more classes use sklearn.multioutput.MultiOutputClassifier."
            )
        y = column_or_1d(y, warn=True)
        if reset:
            self._is_multilabel = False
            classes = getattr(self, "_partial_classes", None)
            self.classes_ = np.unique(y) if classes is None else classes
        if len(self.classes_) < 2:
            raise ValueError(
                f"{type(self).__name__} needs samples of at least 2 classes, but y has "
                f"one class: {self.classes_.tolist()[0]!r}."
            )
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(
                f"y has labels {unknown.tolist()} that are not among the classes "
                f"{self.classes_.tolist()} of the first fit."
            )
        codes = np.searchsorted(self.classes_, y)
        targets = np.zeros((len(y), len(self.classes_)), dtype=dtype)
        targets[np.arange(len(y)), codes] = 1
        return targets, codes

    def _encode_labels(self, y, dtype, reset):
        """The indicator matrix as targets, and as the labels that scores compare."""
        y = check_indicator(y, n_labels=None if reset else len(self.classes_))
        if reset:
            labels, classes = np.arange(y.shape[1]), vars(self).get("_partial_classes")
            if classes is not None and not np.array_equal(classes, labels):
                raise ValueError(
                    f"classes must be the positions of the {y.shape[1]} columns of y, "
                    f"or None, got {classes!r}."
                )
            self._check_multilabel()
            self.classes_, self._is_multilabel = labels, True
        return y.astype(dtype), y

    def _check_multilabel(self):
        """Refuse parameters that need classes which exclude each other."""
        if self.class_weight is not None:
            raise ValueError(
                "class_weight weighs classes that exclude each other: it must be None "
                "for multilabel y. Use sample_weight."
            )

    def _weigh(self, y, sample_weight):
        if self.class_weight is None:
            return sample_weight
        weight = compute_sample_weight(self.class_weight, self.classes_[y])
        if not np.all(np.isfinite(weight) & (weight >= 0)):
            raise ValueError(
                f"class_weight must map classes to finite factors >= 0, got "
                f"{self.class_weight!r}."
            )
        return weight if sample_weight is None else weight * sample_weight

    def _outputs_of_y(self):
        """Outputs that the labels of fit need."""
        return len(self.classes_)

    def decision_function(self, X):
        """Logits of the classes.

        {logits}
        """
        logits = self._outputs(X)
        if self._is_multilabel:
            return logits
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    def predict(self, X):
        """Class with the largest logit, or labels with positive ones.

        {labels}
        """
        if self._is_multilabel:
            return (self._outputs(X) > 0.0).astype(int)
        codes = self._outputs(X).argmax(axis=1)
        return self.classes_[codes]

    def predict_proba(self, X):
        """Softmax of the logits, or of multilabel y the sigmoid of each.

        {proba}
        """
        outputs = self._outputs(X)
        return expit(outputs) if self._is_multilabel else softmax(outputs, axis=1)

    def predict_log_proba(self, X):
        """Logarithm of ``predict_proba``.

        {log_proba}
        """
        outputs = self._outputs(X)
        if self._is_multilabel:
            return log_expit(outputs)
        return log_softmax(outputs, axis=1)
