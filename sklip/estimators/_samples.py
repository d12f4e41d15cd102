# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""From X and y as given to tensors: checked, encoded, weighted, split."""

import numpy as np
from sklearn.base import is_classifier

from sklip._arguments import validate_data
from sklip._compat import check_sample_weight
from sklip.estimators._engine import (
    split_validation,
    tensor_data,
)

__all__ = ["CheckedSamples"]


class CheckedSamples:
    """How an estimator takes its samples in; the family encodes the targets."""

    def _validate_fit(self, part, X, y, sample_weight, reset):
        X, y, dtype = self._validate_samples(part, X, y, reset)
        targets, y = self._encode_targets(y, dtype, reset)
        if sample_weight is not None:
            sample_weight = check_sample_weight(
                sample_weight, X, dtype=dtype, ensure_non_negative=True
            )
        sample_weight = self._weigh(y, sample_weight)
        if sample_weight is not None and not np.any(sample_weight > 0):
            raise ValueError("sample_weight must have at least one positive entry.")
        return X, targets, y, sample_weight

    def _validate_samples(self, part, X, y, reset):
        """X as an array, y, and the type of targets and weights."""
        X, shape = part.rows(X)
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse="csr",
            dtype=part.accepted,
            multi_output=True,
            y_numeric=self._y_numeric,
            reset=reset,
        )
        if reset:
            part.begin(X, shape)
        return X, y, part.target_dtype(X)

    def _weigh(self, y, sample_weight):
        return sample_weight

    def _split(self, part, X, targets, y, sample_weight, rng):
        """Training samples, and held-out ones or None."""
        if not self.early_stopping:
            return self._tensor_data(part, X, targets, sample_weight, y), None
        parts = split_validation(
            X,
            targets,
            sample_weight,
            y,
            fraction=self.validation_fraction,
            stratify=is_classifier(self) and not self._is_multilabel,
            rng=rng,
            dtype=part.split_dtype(self.net_.module_),
        )
        return [self._tensor_data(part, *samples) for samples in parts]

    def _tensor_data(self, part, X, targets, sample_weight, y):
        flat = self.net_.module_.flat
        data = tensor_data(X, targets, sample_weight, y, flat.dtype, flat.device)
        data.X = part.batch(data.X)
        return data
