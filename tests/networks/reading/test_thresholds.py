# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Thresholds: where the score is zero, and how far its rounding may move that."""

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier

from sklip.networks import FeedForward
from sklip.networks._folding import FoldRounding
from sklip.networks._reading.resolved import Proba
from sklip.networks._reading.thresholds import shift_threshold


def shifted(threshold, response, kind="sigmoid", label=1):
    network = FeedForward([[[1.0]]])
    score = lambda: (network, FoldRounding.of(network))  # noqa: E731
    resolved = SimpleNamespace(
        classes=np.array([0, 1]),
        proba=Proba(kind, score),
        decision=score,
        columns=None,
    )
    options = {"response_method": response, "pos_label": label}
    inner = LogisticRegression()
    model = FixedThresholdClassifier(inner, threshold=threshold, **options)
    return shift_threshold(model, inner, resolved)


@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize("threshold", [0.004, 0.3, 0.5, 0.97, 0.9996])
def test_one_rounding_of_a_probability_in_logits(threshold, label):
    """The logit's derivative is 1 / (p (1 - p)); the shift itself is rounded too."""
    found = shifted(threshold, "predict_proba", label=label)
    p = Fraction(threshold)
    slope = float(1 / (p * (1 - p)))
    shift = np.log(threshold / (1.0 - threshold)) * (1 if label else -1)
    assert found.network.biases[-1] == pytest.approx([-shift], rel=1e-12, abs=1e-15)
    expected = abs(shift) * (1.0 + slope) + slope
    assert found.rounding.last_bias == pytest.approx([expected], rel=1e-12)
    assert found.ties == ("last" if label else "first")


@pytest.mark.parametrize("label", [0, 1])
def test_one_rounding_of_a_score(label):
    found = shifted(0.75, "decision_function", label=label)
    assert found.network.biases[-1].tolist() == [-0.75 if label else 0.75]
    assert found.rounding.last_bias.tolist() == [0.75 * 2.0 + 1.0]


@pytest.mark.parametrize("label, shift", [(0, 0.25), (1, -0.25)])
def test_one_rounding_of_a_mean_probability(label, shift):
    found = shifted(0.25, "predict_proba", "shifted", label)
    assert found.network.biases[-1].tolist() == [-shift]
    assert found.rounding.last_bias.tolist() == [abs(shift) * 2.0 + 1.0]
