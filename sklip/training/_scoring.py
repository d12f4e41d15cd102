# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""A net that scikit-learn's metrics and skorch's scoring callbacks can ask."""

import math

import numpy as np
import torch
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import ClassifierTags, RegressorTags

from sklip.training._data import TensorData
from sklip.training._losses import CLASSIFIER_LOSSES, LABEL_LOSSES, LOG_LINK_LOSSES

__all__ = ["ScoredNet"]


class ScoredNet:
    """What scoring needs of a net, which has ``loss``, ``module_`` and ``forward``."""

    n_outputs = 0

    @property
    def is_classifier(self):
        """Whether the outputs are logits of classes."""
        return self.loss in CLASSIFIER_LOSSES or self.is_multilabel

    @property
    def is_multilabel(self):
        """Whether the outputs are logits of the labels of a set."""
        return self.loss in LABEL_LOSSES.values()

    @property
    def classes_(self):
        """Codes of the classes, which are what the net knows of labels."""
        if not self.is_classifier:
            raise AttributeError("Only classifiers have classes_.")
        return np.arange(self.n_outputs)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if self.is_classifier:
            tags.estimator_type = "classifier"
            tags.classifier_tags = ClassifierTags(multi_label=self.is_multilabel)
        else:
            tags.estimator_type = "regressor"
            tags.regressor_tags = RegressorTags()
        return tags

    def labels(self, targets):
        """Class codes of one-hot rows; 0 or 1 of labels; a regressor's values."""
        if self.is_multilabel:
            return (targets > 0).long()
        if self.is_classifier:
            return targets.argmax(1)
        return targets[:, 0] if targets.shape[1] == 1 else targets

    def predictions(self, outputs):
        """Class codes of logits; a regressor's values."""
        if self.loss in LOG_LINK_LOSSES:
            outputs = outputs.exp()
        return self.labels(outputs)

    def validation_score(self, outputs, targets, sample_weight):
        """Accuracy or R² of a batch; NaN where outputs are not finite."""
        predicted = self.predictions(outputs)
        if not bool(torch.isfinite(predicted).all()):
            return math.nan
        score = accuracy_score if self.is_classifier else r2_score
        weight = None if sample_weight is None else sample_weight.cpu().numpy()
        true = self.labels(targets).cpu().numpy()
        with np.errstate(over="ignore"):  # about to diverge, which the loss will say
            return float(score(true, predicted.cpu().numpy(), sample_weight=weight))

    def score(self, X, y=None):
        """Accuracy or R², what a scoring callback without a metric asks for.

        Parameters
        ----------
        X : TensorData or tensor
            Samples.
        y : array-like, default=None
            Class codes or values; None takes those of ``X``.

        Returns
        -------
        score : float
            The score.
        """
        y = X.y if y is None else y
        score = accuracy_score if self.is_classifier else r2_score
        return float(score(y, self.predict(X)))

    def evaluation_step(self, batch, training=False):
        """Outputs of one batch."""
        self.module_.eval()
        with torch.no_grad():
            return self.module_(batch[0])

    def forward(self, X, *args, **kwargs):
        """Outputs; a bare tensor is taken as samples without targets."""
        if isinstance(X, torch.Tensor):
            X = TensorData(X, X)
        return super().forward(X, *args, **kwargs)

    def predict(self, X):
        """Class codes or regression values, for scoring callbacks."""
        return self.predictions(self.forward(X)).cpu().numpy()

    def predict_proba(self, X):
        """Softmax of the logits, or the sigmoid of each label's."""
        outputs = self.forward(X)
        link = torch.sigmoid if self.is_multilabel else torch.nn.Softmax(1)
        return link(outputs).cpu().numpy()
