# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Small data for the estimators' tests."""

import pytest
from sklearn.datasets import make_classification, make_regression
from sklearn.preprocessing import scale


@pytest.fixture(scope="session")
def classification():
    """Three classes, 150 samples, 6 features."""
    return make_classification(
        150, 6, n_informative=4, n_redundant=0, n_classes=3, random_state=0
    )


@pytest.fixture(scope="session")
def regression():
    """One target of unit variance, 120 samples, 5 features."""
    X, y = make_regression(120, 5, noise=1.0, random_state=0)
    return X, scale(y)
