# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The risk–coverage curve against its definition."""

import numpy as np
import pytest

from sklip import risk_coverage_curve


@pytest.mark.parametrize("weighted", [False, True])
def test_is_its_definition(weighted):
    rng = np.random.default_rng(0)
    y_true, y_pred = rng.integers(0, 3, (2, 80))
    radius = rng.integers(0, 10, 80) / 4.0  # many ties
    radius[:3] = np.inf
    weight = rng.uniform(size=80) if weighted else np.ones(80)
    coverage, risk, thresholds = risk_coverage_curve(
        y_true, y_pred, radius, sample_weight=weight if weighted else None
    )
    assert thresholds[0] == 0.0 and coverage[0] == pytest.approx(1.0)
    assert np.all(np.diff(coverage) < 1e-12) and np.all(np.diff(thresholds) > 0)
    for share, error, threshold in zip(coverage, risk, thresholds, strict=True):
        answered = radius >= threshold
        assert share == pytest.approx(weight[answered].sum() / weight.sum())
        wrong = (y_true != y_pred)[answered]
        assert error == pytest.approx(np.average(wrong, weights=weight[answered]))


def test_strings_and_unanswered_thresholds():
    coverage, risk, thresholds = risk_coverage_curve(
        ["a", "b"], ["a", "a"], [1.0, 2.0], sample_weight=[1.0, 0.0]
    )
    assert thresholds.tolist() == [0.0, 1.0]  # at 2.0 nothing that counts is answered
    assert risk.tolist() == [0.0, 0.0] and coverage.tolist() == [1.0, 1.0]


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="entry for each sample"):
        risk_coverage_curve([0, 1], [0, 1], [1.0])
    with pytest.raises(ValueError, match="radius must hold numbers >= 0"):
        risk_coverage_curve([0, 1], [0, 1], [1.0, np.nan])
