# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Labels in y: found by value; what only looks like a class is told apart.

Also tests of ``certification/_validation.py``.
"""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from sklip.certification import certified_accuracy_score, certified_radius, margins
from sklip.certification._validation import encode_labels

X = np.random.default_rng(0).normal(size=(30, 2))
Y = (X[:, 0] > 0).astype(int)


@pytest.mark.parametrize("kind", [int, float, bool, "int8", "O"])
def test_labels_are_found_by_value(kind):
    assert encode_labels(Y.astype(kind), [0, 1], 30).tolist() == Y.tolist()
    words = np.where(Y == 1, "yes", "no").astype(object)
    assert encode_labels(words, ["no", "yes"], 30).tolist() == Y.tolist()


@pytest.mark.parametrize(
    "fitted, given, said",
    [
        (
            int,
            str,
            "know: '0', '1'. Its classes are 0, 1, of the type int instead of str",
        ),
        (str, int, "know: 0, 1. Its classes are '0', '1', of the type str instead of"),
    ],
)
def test_labels_of_another_type_are_told_apart(fitted, given, said):
    model = LogisticRegression().fit(X, Y.astype(fitted))
    y = Y.astype(given)
    for call in (
        lambda: certified_radius(model, X, y),
        lambda: margins(model, X, y),
        lambda: certified_accuracy_score(model, X, y, radius=0.1),
    ):
        with pytest.raises(ValueError, match=said) as caught:
            call()
        assert "y.astype(model.classes_.dtype)" in str(caught.value)
    converted = y.astype(model.classes_.dtype)
    np.testing.assert_array_equal(
        certified_radius(model, X, converted),
        certified_radius(model, X, Y.astype(fitted)),
    )


def test_labels_that_are_no_classes():
    with pytest.raises(ValueError, match=r"know: 2\. Its classes are 0, 1\.$"):
        encode_labels([0, 2], [0, 1], 2)
    with pytest.raises(ValueError, match="2 samples, but y has 1 labels"):
        encode_labels([0], [0, 1], 2)
