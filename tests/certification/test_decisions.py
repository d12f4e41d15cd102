# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What counts as a flip: another answer of predict, not another largest logit.

Also tests of ``certification/_decided.py``.
"""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC

from sklip.certification import (
    adversarial_accuracy_score,
    certified_accuracy_curve,
    minimum_norm_attack,
    pgd_attack,
    robustness_bracket,
    verify_robustness,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = np.random.default_rng(0).normal(size=(30, 2))
Y = (X[:, 0] > 0.2).astype(int)


def faint(y):
    """A net whose probabilities are all equal, though its logits are not."""
    model = MLPClassifier((4,), max_iter=20, random_state=0).fit(X, y)
    model.coefs_[-1] *= 1e-60
    model.intercepts_[-1] *= 0.0
    return model


def silent(model):
    """A model whose score is zero everywhere."""
    model = model.fit(X, Y)
    if isinstance(model, SVC):
        model._dual_coef_, model._intercept_ = 0.0 * model._dual_coef_, np.zeros(1)
    else:
        inner = getattr(model, "estimator_", model)
        inner.coef_, inner.intercept_ = 0.0 * inner.coef_, np.zeros(1)
    return model


MODELS = {
    "two classes": lambda: faint(Y),
    "three classes": lambda: faint(np.digitize(X[:, 0], [-0.5, 0.5])),
    "kernel": lambda: silent(SVC(kernel="linear")),
    "linear": lambda: silent(LogisticRegression()),
    "threshold": lambda: silent(FixedThresholdClassifier(LogisticRegression())),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_constant_prediction_is_never_flipped(name):
    model = MODELS[name]()
    predicted = model.predict(np.vstack([X, 10.0 * X]))
    assert len(set(predicted.tolist())) == 1
    y = predicted[: len(X)]
    options = {"radius": 3.0, "random_state": 0}
    assert not pgd_attack(model, X, **options)[1].any()
    assert adversarial_accuracy_score(model, X, y, **options) == 1.0
    assert adversarial_accuracy_score(model, X, Y, **options) == np.mean(y == Y)
    assert np.isinf(minimum_norm_attack(model, X, random_state=0)[1]).all()
    certified, attacked = robustness_bracket(model, X, random_state=0)
    assert np.isinf(attacked).all() and (certified <= attacked).all()
    curve = certified_accuracy_curve(model, X, y, [0.0, 1e9])
    assert curve[0] == pytest.approx(1.0)
    found = verify_robustness(model, X[:4], radius=3.0, time_limit=1.0)
    assert "falsified" not in {result.status for result in found}
