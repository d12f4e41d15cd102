# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What the callback records is what the functions say of the network of that epoch.

Also tests of ``training/_records.py``.
"""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris

from sklip import (
    LipschitzRegularizedMLPClassifier,
    LipschitzRegularizedMLPRegressor,
    NoiseLipschitzClassifier,
    certified_accuracy_score,
    lipschitz_bound,
)
from sklip.exceptions import UnsupportedModelError
from sklip.training import LipschitzHistory

pytestmark = pytest.mark.filterwarnings("ignore:.*epochs allowed")
KEYS = ("lipschitz_bound", "accuracy", "certified_accuracy")


@pytest.fixture(scope="module")
def data():
    return load_iris(return_X_y=True)


def classifier(*callbacks, **parameters):
    parameters = {"max_iter": 8, "random_state": 0, **parameters}
    return LipschitzRegularizedMLPClassifier(
        (8,), callbacks=list(callbacks), **parameters
    )


@pytest.mark.parametrize("certification", [None, "pairwise"])
def test_last_record_is_the_fitted_network(data, certification):
    X, y = data
    history = LipschitzHistory(X, y, radius=0.2, certification=certification)
    model = classifier(history, max_iter=30).fit(X, y)
    last = model.history_[-1]
    bound = lipschitz_bound(model, method="sequential")
    assert last["lipschitz_bound"] == pytest.approx(float(bound), rel=1e-12)
    assert last["accuracy"] == pytest.approx(model.score(X, y))
    method = bound if certification is None else certification
    certified = certified_accuracy_score(model, X, y, radius=0.2, method=method)
    assert last["certified_accuracy"] == pytest.approx(certified)
    assert 0.0 < certified <= last["accuracy"]


def test_every_epoch_is_recorded_and_certified_never_exceeds_clean(data):
    model = classifier(LipschitzHistory(*data)).fit(*data)
    assert len(model.history_) == 8
    for record in model.history_:
        assert all(key in record for key in KEYS)
        assert record["certified_accuracy"] <= record["accuracy"]


def test_every_third_epoch(data):
    model = classifier(LipschitzHistory(*data, every=3)).fit(*data)
    recorded = [r["epoch"] for r in model.history_ if "lipschitz_bound" in r]
    assert recorded == [3, 6]


def test_without_samples_the_training_ones_or_the_held_out_ones(data):
    X, y = data
    plain = classifier(LipschitzHistory()).fit(X, y)
    assert plain.history_[-1]["accuracy"] == pytest.approx(plain.score(X, y))
    held = classifier(
        LipschitzHistory(), early_stopping=True, validation_fraction=0.3
    ).fit(X, y)
    record = held.history_[-1]
    assert record["accuracy"] == pytest.approx(record["valid_score"])


def test_labels_of_any_kind(data):
    X, y = data
    names = np.array(["versicolor", "setosa", "virginica"])[y]
    by_name = classifier(LipschitzHistory(X, names)).fit(X, names)
    assert by_name.history_[-1]["accuracy"] == pytest.approx(by_name.score(X, names))


def test_labels_that_lack_a_class_need_classes(data):
    X, y = data
    few = y > 0
    with pytest.raises(ValueError, match="knows 2 classes, the network has 3"):
        classifier(LipschitzHistory(X[few], y[few])).fit(X, y)
    history = LipschitzHistory(X[few], y[few], classes=[0, 1, 2])
    model = classifier(history).fit(X, y)
    assert model.history_[-1]["accuracy"] == pytest.approx(model.score(X[few], y[few]))


def test_samples_without_labels_are_refused(data):
    with pytest.raises(ValueError, match="needs y together with X"):
        classifier(LipschitzHistory(data[0])).fit(*data)


def test_it_changes_nothing_of_the_training(data):
    plain, watched = classifier().fit(*data), classifier(LipschitzHistory()).fit(*data)
    for one, two in zip(plain.coefs_, watched.coefs_, strict=True):
        assert np.array_equal(one, two)


def test_regressor_records_its_bound(data):
    X, _ = data
    model = LipschitzRegularizedMLPRegressor(
        (8,), max_iter=3, callbacks=[LipschitzHistory()], random_state=0
    ).fit(X[:, :3], X[:, 3])
    record = model.history_[-1]
    expected = float(lipschitz_bound(model, method="sequential"))
    assert record["lipschitz_bound"] == pytest.approx(expected)
    assert "accuracy" not in record


@pytest.mark.parametrize(
    "given",
    [{"X": np.ones((4, 2))}, {"radius": 0.2}, {"certification": "pairwise"}],
    ids=lambda given: next(iter(given)),
)
def test_a_regressor_refuses_what_it_would_ignore(data, given):
    history, [name] = LipschitzHistory(**given), given
    model = LipschitzRegularizedMLPRegressor((8,), max_iter=3, callbacks=[history])
    with pytest.raises(ValueError, match=f"of a regressor .* ignore {name}:"):
        model.fit(data[0][:, :3], data[0][:, 3])


def test_a_module_is_refused_by_name(data):
    module = torch.nn.Linear(4, 3)
    model = NoiseLipschitzClassifier(module=module, callbacks=[LipschitzHistory()])
    with pytest.raises(UnsupportedModelError, match="LipschitzHistory .* module="):
        model.fit(*data)


def test_lbfgs_is_recorded_too(data):
    model = classifier(LipschitzHistory(), solver="lbfgs", max_iter=5).fit(*data)
    assert all("lipschitz_bound" in record for record in model.history_)
