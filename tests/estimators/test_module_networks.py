# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Networks of torch modules: shapes, state, certificates, what is refused.

Also tests of ``estimators/_input_shape.py``, ``estimators/_parts/base.py``,
``estimators/_parts/choice.py``, ``estimators/_parts/dense.py``,
``estimators/_parts/module.py``, ``training/_modules/checks.py`` and
``training/_modules/flat.py``.
"""

import copy
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sklip import (
    NoiseLipschitzClassifier,
    NoiseLipschitzRegressor,
    certified_accuracy_curve,
    certified_radius,
    lipschitz_bound,
    margins,
    minimum_norm_attack,
)
from sklip.exceptions import CertificationWarning, UnsupportedModelError
from sklip.networks import FeedForward, network_view

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
)
RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(size=(90, 1, 8, 8)).astype(np.float32)
LABELS = np.arange(90) % 3
IMAGES[np.arange(90), 0, 0, LABELS] += 2.0
ROWS = IMAGES.reshape(90, -1)


def _model(module="cnn", **parameters):
    small = {
        "max_iter": 3,
        "random_state": 0,
        "batch_size": 32,
        "lipschitz_weight": 1.0,
    }
    small["certificate"] = "auto" if isinstance(module, str) else None
    if module is None or isinstance(module, str) and module == "cnn":
        small["hidden_layer_sizes"] = (8,)  # others have layers of their own
    return NoiseLipschitzClassifier(module=module, **{**small, **parameters})


class WithArguments(nn.Module):
    """A class that asks for what it needs by name."""

    def __init__(self, input_shape, n_outputs):
        super().__init__()
        self.linear = nn.Linear(input_shape[0], n_outputs)

    def forward(self, X):
        return self.linear(X)


class Fixed(nn.Sequential):
    """A class without arguments."""

    def __init__(self):
        super().__init__(nn.Linear(64, 5), nn.Dropout(0.2), nn.ReLU(), nn.Linear(5, 3))


def _normalised():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(64, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 3)
    )


@pytest.mark.parametrize("module", ["cnn", "resnet20", "preresnet20", "preresnet32"])
def test_rows_and_images_are_the_same(module):
    rows, images, labels = ROWS, IMAGES, LABELS
    by_rows = _model(module, max_iter=1, certificate=None).fit(rows, labels)
    by_images = _model(module, max_iter=1, certificate=None).fit(images, labels)
    without_channel = _model(module, max_iter=1, certificate=None)
    without_channel.fit(images[:, 0], labels)
    expected = by_rows.predict_proba(rows)
    assert by_images.n_features_in_ == 64
    for model in (by_images, without_channel):
        for X in (rows, images, images[:, 0]):
            assert np.array_equal(model.predict_proba(X), expected)


def test_colour_images_are_inferred():
    X = RNG.uniform(size=(20, 3 * 6 * 6))
    model = _model(max_iter=1, batch_size=20).fit(X, LABELS[:20])
    assert model.module_input_shape_ == (3, 6, 6)


@pytest.mark.parametrize(
    "module", [WithArguments, Fixed, Fixed(), _normalised()], ids=lambda m: str(m)[:12]
)
def test_any_module_trains_and_repeats(module):
    state = torch.get_rng_state()
    first, second = (_model(module).fit(ROWS, LABELS) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(first.predict_proba(ROWS), second.predict_proba(ROWS))
    assert first.loss_curve_[-1] < first.loss_curve_[0]
    assert not first.module_.training


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_a_last_batch_of_one_row_is_no_obstacle(weight):
    model = _model(_normalised(), lipschitz_weight=weight, batch_size=89)
    assert model.fit(ROWS, LABELS).loss_curve_[-1] < model.loss_curve_[0]


def test_an_instance_is_copied_and_starts_with_its_weights():
    module = Fixed()
    before = copy.deepcopy(module.state_dict())
    model = _model(module, learning_rate_init=1e-12, max_iter=1).fit(ROWS, LABELS)
    for name, value in before.items():
        assert torch.equal(module.state_dict()[name], value)
        np.testing.assert_allclose(model.module_.state_dict()[name], value, atol=1e-6)


@pytest.mark.parametrize("module", ["cnn", Fixed, _normalised()], ids=["a", "b", "c"])
@pytest.mark.parametrize(
    "way", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]
)
def test_copies_predict_and_go_on_alike(module, way):
    model = _model(module).partial_fit(ROWS, LABELS, classes=[0, 1, 2])
    other = way(model)
    assert np.array_equal(model.predict_proba(ROWS), other.predict_proba(ROWS))
    if module == "cnn":
        assert other.certificate_.verify(other)
    model.partial_fit(ROWS, LABELS)
    other.partial_fit(ROWS, LABELS)
    assert np.array_equal(model.predict_proba(ROWS), other.predict_proba(ROWS))


def test_pickles_and_skops_hold_arrays_only():
    model = _model().fit(ROWS, LABELS)
    assert model.module_ is not None and model.net_ is not None
    assert b"torch" not in pickle.dumps(model)
    io = pytest.importorskip("skops.io")
    data = io.dumps(model)
    unknown = io.get_untrusted_types(data=data)
    assert all(name.startswith(("sklip.", "skorch.")) for name in unknown)
    loaded = io.loads(data, trusted=unknown)
    assert np.array_equal(model.predict_proba(ROWS), loaded.predict_proba(ROWS))


def test_a_module_has_no_network_and_a_perceptron_no_module():
    model = _model().fit(ROWS, LABELS)
    for name in ("network_", "coefs_", "intercepts_"):
        assert not hasattr(model, name)
    assert sorted(model.module_.state_dict()) == sorted(model.to_torch().state_dict())
    model.set_params(module=None).fit(ROWS, LABELS)
    assert not hasattr(model, "module_") and hasattr(model, "network_")
    model.set_params(module="cnn").fit(ROWS, LABELS)
    assert hasattr(model, "module_") and not hasattr(model, "network_")
    unfitted = _model()
    assert not hasattr(unfitted, "module_") and not hasattr(unfitted, "network_")


def test_warm_start_goes_on_with_the_same_module_only():
    model = _model(warm_start=True).fit(ROWS, LABELS)
    model.fit(ROWS, LABELS)
    assert len(model.loss_curve_) == 6 and model.loss_curve_[3] < model.loss_curve_[0]
    for module in ("resnet20", None, Fixed):
        sizes = (8,) if module is None else (100,)
        with pytest.raises(ValueError, match="goes on with is of module='cnn'"):
            model.set_params(module=module, hidden_layer_sizes=sizes)
            model.fit(ROWS, LABELS)
    plain = _model(None, warm_start=True).fit(ROWS, LABELS)
    with pytest.raises(ValueError, match="module"):
        plain.set_params(module="cnn").fit(ROWS, LABELS)


class Sized(nn.Sequential):
    def __init__(self, input_shape, n_outputs, hidden_layer_sizes, activation="relu"):
        layers = [nn.Linear(input_shape[0], n) for n in hidden_layer_sizes]
        self.activation = activation
        super().__init__(*layers, nn.Linear(hidden_layer_sizes[-1], n_outputs))


@pytest.mark.parametrize("partial", [False, True])
@pytest.mark.parametrize(
    ("module", "other"),
    [
        ("cnn", {"hidden_layer_sizes": (9,)}),
        ("cnn", {"activation": "tanh"}),
        (nn.Sequential(nn.Flatten(), nn.Linear(64, 3)), {"input_shape": (1, 8, 8)}),
        (Sized, {"hidden_layer_sizes": [9]}),
        (nn.Linear(64, 3), {"module": nn.Sequential(nn.Linear(64, 3))}),
        (nn.Linear(64, 3), {"module": nn.Linear(64, 3, bias=False)}),
    ],
)
def test_no_change_of_the_layers_is_lost_where_training_goes_on(module, other, partial):
    model = NoiseLipschitzClassifier(
        module=module, max_iter=1, warm_start=True, random_state=0, certificate=None
    )
    model.fit(ROWS, LABELS).set_params(**other)
    again = model.partial_fit if partial else model.fit
    with pytest.raises(
        ValueError, match=f"{next(iter(other))} .* goes on with has|oth"
    ):
        again(ROWS, LABELS)
    model.set_params(warm_start=False).fit(ROWS, LABELS)  # a new one


@pytest.mark.parametrize("module", ["resnet20", "cnn", Fixed, nn.Linear(64, 3), Sized])
@pytest.mark.parametrize(
    "unused", [{"hidden_layer_sizes": [8]}, {"activation": "tanh"}, {"init_gain": 0.5}]
)
def test_what_a_module_has_no_use_for_is_named(module, unused):
    (name,) = unused
    model = NoiseLipschitzClassifier(
        module=module, max_iter=1, certificate=None, random_state=0, **unused
    )
    if name != "init_gain" and (module is Sized or module == "cnn"):
        model.fit(ROWS, LABELS)
        return
    with pytest.warns(UserWarning, match=f"^{name}=.* has no effect with module="):
        model.fit(ROWS, LABELS)


def test_amp_needs_a_module():
    with pytest.raises(ValueError, match="^amp .* module=None"):
        _model(None, amp=True).fit(ROWS, LABELS)


def test_early_stopping_keeps_weights_and_running_statistics():
    model = _model(
        _normalised(),
        early_stopping=True,
        max_iter=60,
        n_iter_no_change=4,
        learning_rate_init=0.3,
    ).fit(ROWS, LABELS)
    scores = [record["valid_score"] for record in model.history_]
    assert len(scores) < 60
    best = int(np.argmax(scores)) + 1
    again = clone(model).set_params(max_iter=best, tol=0).fit(ROWS, LABELS)
    assert np.array_equal(model.predict_proba(ROWS), again.predict_proba(ROWS))


@pytest.mark.parametrize("dtype", [np.float32, np.uint8, np.float64, np.int64])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_whole_numbers_and_floats_are_trained_in_float32(dtype, early_stopping):
    X = (200 * ROWS / ROWS.max()).astype(dtype)
    model = _model(noise_std=50.0, early_stopping=early_stopping).fit(X, LABELS)
    assert model.net_.module_.flat.dtype == torch.float32
    assert model.score(X, LABELS) >= 1 / 4


def test_lbfgs_and_weights_and_regression():
    X, y = ROWS.astype(np.float64), ROWS[:, 0].astype(np.float64)
    model = NoiseLipschitzRegressor(
        (8,),
        module="cnn",
        solver="lbfgs",
        lipschitz_weight=0.01,
        max_iter=100,
        random_state=0,
    ).fit(X, y, sample_weight=np.linspace(1, 2, 90))
    assert model.score(X, y) > 0.8
    assert model.predict(X).shape == (90,)
    two = NoiseLipschitzRegressor((8,), module="cnn", max_iter=2, random_state=0)
    assert two.fit(X, np.column_stack([y, y])).predict(X).shape == (90, 2)


def test_a_pipeline_and_a_grid_search():
    pipe = make_pipeline(StandardScaler(), _model(max_iter=2))
    grid = {"noiselipschitzclassifier__lipschitz_weight": [0.0, 1.0]}
    search = GridSearchCV(pipe, grid, cv=2).fit(ROWS, LABELS)
    assert search.best_estimator_.predict(ROWS).shape == (90,)


@pytest.fixture(
    scope="module",
    params=[
        _model(max_iter=20),
        _model("resnet20", max_iter=2),
        _model("preresnet20", max_iter=2),
        make_pipeline(StandardScaler(), _model(max_iter=20)),
        make_pipeline(PCA(25, random_state=0), _model(max_iter=20)),
    ],
    ids=["cnn", "resnet", "preresnet", "scaler", "pca"],
)
def fitted(request):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return clone(request.param).fit(ROWS, LABELS)


@pytest.mark.parametrize("norm", [1, 2, np.inf])
def test_no_pair_of_points_beats_the_certificate(fitted, norm):
    bound = lipschitz_bound(fitted, norm=norm)
    assert bound.verify(fitted)
    rows = ROWS[::3]
    moved = rows + 0.05 * RNG.normal(size=rows.shape).astype(np.float32)
    change = fitted.decision_function(moved) - fitted.decision_function(rows)
    distance = np.linalg.norm(moved - rows, ord=norm, axis=1)
    assert (np.linalg.norm(change, ord=norm, axis=1) <= float(bound) * distance).all()
    radius = certified_radius(fitted, rows, norm=norm)
    assert (radius >= 0).all() and radius.max() > 0
    step = RNG.normal(size=rows.shape)
    step *= (radius / np.linalg.norm(step, ord=norm, axis=1))[:, None]
    assert np.array_equal(fitted.predict(rows + 0.999 * step), fitted.predict(rows))


def test_radii_margins_and_certificates_of_a_module():
    model = _model(max_iter=30).fit(ROWS, LABELS)
    logits = np.sort(model.decision_function(ROWS), axis=1)
    gap = logits[:, -1] - logits[:, -2]
    np.testing.assert_allclose(margins(model, ROWS), gap, atol=1e-4)
    radius = certified_radius(model, ROWS, method="product")
    expected = gap / (2**0.5 * model.lipschitz_bound_)
    np.testing.assert_allclose(radius, expected, rtol=1e-3, atol=1e-5)
    given = certified_radius(model, ROWS, method=model.certificate_)
    # A certificate is raised by 1e-9: it is proven again on other machines.
    np.testing.assert_allclose(given * (1.0 + 1e-9), radius, rtol=1e-12)
    assert np.all(certified_radius(model, ROWS) >= radius)
    curve = certified_accuracy_curve(model, ROWS, LABELS, [0.0, 1e9])
    assert curve.tolist() == pytest.approx([model.score(ROWS, LABELS), 0.0])
    other = _model(max_iter=1).fit(ROWS, LABELS)
    with pytest.raises(ValueError, match="not one of this model"):
        certified_radius(model, ROWS, method=other.certificate_)
    with pytest.raises(ValueError, match="needs a fully connected network"):
        certified_radius(model, ROWS, method="lipsdp")


def test_a_module_of_plain_layers_is_certified_like_a_network():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 3))
    held = _model(module, max_iter=20, certificate="auto")
    pipe = make_pipeline(StandardScaler(), held).fit(ROWS, LABELS)
    inside = pipe[-1]
    assert inside.certificate_.method == "lipsdp"
    assert lipschitz_bound(pipe).verify(pipe)
    # The same network, folded behind the same scaler.
    plain = network_view(make_pipeline(pipe[0], Stated(inside).fit(None))).network
    X = ROWS.astype(np.float64)
    product = certified_radius(pipe, X, method="product")
    for method in ("product", "pairwise", "lipsdp", "best"):
        found = certified_radius(pipe, X, method=method)
        expected = certified_radius(plain, X, method=method)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)
        assert (found >= product).all() and found.max() > 0.0
    own = certified_radius(inside, pipe[0].transform(X), method=inside.certificate_)
    assert own.max() > 0.0
    columns = {0: 0.5, 7: (0.0, 2.0)}
    radius = certified_radius(pipe, X, norm=np.inf, feature_eps=columns)
    rows, distance = minimum_norm_attack(
        pipe, X, norm=np.inf, feature_eps=columns, random_state=0
    )
    assert (distance >= radius).all() and np.isfinite(distance).any()
    flipped = np.isfinite(distance)
    assert (pipe.predict(rows) != pipe.predict(X))[flipped].all()


class Stated(ClassifierMixin, BaseEstimator):
    """What a module in an estimator computes, as a network."""

    def __init__(self, model):
        self.model = model

    def fit(self, X, y=None):
        """It is fitted already."""
        self.classes_ = self.model.classes_
        self.network_ = FeedForward.from_torch(self.model.to_torch().double())
        return self

    def __sklip_network__(self):
        """That network."""
        return self.network_


def test_searches_frozen_models_and_pipelines_are_opened():
    grid = {"lipschitz_weight": [1.0]}
    search = GridSearchCV(_model(max_iter=2), grid, cv=2)
    pipe = make_pipeline(StandardScaler(), search).fit(ROWS, LABELS)
    inner = make_pipeline(pipe[0], pipe[-1].best_estimator_)
    for model in (pipe, FrozenEstimator(pipe)):
        assert float(lipschitz_bound(model)) == float(lipschitz_bound(inner))
        radius = certified_radius(model, ROWS, LABELS)
        np.testing.assert_array_equal(radius, certified_radius(inner, ROWS, LABELS))


class Odd(nn.Module):
    """A layer that no bound is proven for."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(64, 3)

    def forward(self, X):
        return self.linear(X) ** 2


def test_a_module_without_a_proof_gets_no_number():
    with pytest.warns(CertificationWarning, match="Odd"):
        model = _model(Odd, certificate="auto").fit(ROWS, LABELS)
    assert model.certificate_ is None and model.lipschitz_bound_ is None
    with pytest.raises(UnsupportedModelError, match="Odd"):
        lipschitz_bound(model)
    with pytest.raises(UnsupportedModelError, match="Odd"):
        _model(Odd, certificate="product").fit(ROWS, LABELS)
    _model(Odd, certificate=None).fit(ROWS, LABELS)


@pytest.mark.parametrize(
    "parameters, X, message",
    [
        (
            {"input_shape": (1, 7, 8)},
            ROWS,
            "has 56 entries, but each sample of X has 64",
        ),
        ({"module": None, "input_shape": (64,)}, ROWS, "with module=None"),
        ({"input_shape": (8, 8)}, ROWS, r"takes images \(channels, height, width\)"),
        ({"input_shape": (0, 8, 8)}, ROWS, "positive sizes"),
        ({"input_shape": (8, 8, 1)}, ROWS, "channels stood last"),
        ({}, np.moveaxis(IMAGES, 1, -1), "channels stood last.*transpose"),
        ({}, ROWS[:, :50], "no square images"),
        ({}, ROWS[:, :16], "at least 5 x 5 pixels"),
        ({"input_shape": (1, 8, 8), "module": Fixed}, ROWS, "does not take samples"),
        ({"module": nn.Linear(64, 4)}, ROWS, r"needs \(2, 3\).*3 outputs"),
        ({"module": nn.Linear(60, 3)}, ROWS, "does not take samples of shape"),
        ({"module": nn.Identity()}, ROWS, "outputs"),
        ({"certificate": "lipsdp"}, ROWS, "module=None"),
        ({"module": nn.Linear(64, 3).half()}, ROWS, "float32 or all of float64"),
    ],
)
def test_what_does_not_fit_is_refused_before_training(parameters, X, message):
    with pytest.raises(ValueError, match=message):
        _model(**parameters).fit(X, LABELS)


def test_what_does_not_fit_is_refused_in_predict():
    model = _model().fit(IMAGES, LABELS)
    with pytest.raises(ValueError, match="64 features"):
        model.predict(ROWS[:, :49])
    with pytest.raises(ValueError, match="channels first"):
        model.predict(np.moveaxis(IMAGES, 1, -1))
    with pytest.raises(ValueError, match="NaN"):
        model.predict(np.full_like(IMAGES, np.nan))


def test_a_forward_set_after_fit_predicts_but_is_not_certified():
    model = _model(_normalised()).fit(ROWS, LABELS)
    matrix = torch.tensor(RNG.normal(size=(64, 3)))
    model.module_.forward = lambda rows: rows @ matrix.to(rows.dtype)
    expected = model.classes_[(ROWS @ matrix.numpy()).argmax(1)]
    np.testing.assert_array_equal(model.predict(ROWS), expected)
    with pytest.raises(UnsupportedModelError, match="what it computes is not known"):
        certified_radius(model, ROWS)
    model.module_.forward = lambda rows: rows @ matrix  # float32 by float64
    with pytest.raises(ValueError, match="A forward was set on module_ after fit"):
        model.predict(ROWS)


@pytest.mark.parametrize("module", [3, print, object()])
def test_only_modules_are_modules(module):
    with pytest.raises((TypeError, ValueError), match="module"):
        _model(module).fit(ROWS, LABELS)


@pytest.mark.parametrize("amp", [True, "float16", "bfloat16"])
def test_amp_is_without_effect_on_the_cpu(amp):
    plain, mixed = _model().fit(ROWS, LABELS), _model(amp=amp).fit(ROWS, LABELS)
    assert np.array_equal(plain.predict_proba(ROWS), mixed.predict_proba(ROWS))


def test_predictions_are_made_few_rows_at_a_time(monkeypatch):
    model = _model().fit(ROWS, LABELS)
    whole = model.decision_function(ROWS)
    sizes = []
    model.module_.register_forward_pre_hook(
        lambda _, inputs: sizes.append(len(inputs[0]))
    )
    monkeypatch.setattr("sklip.estimators._parts.module._ROWS", 40)
    monkeypatch.setattr("sklip.training._modules.flat._CHUNK", 16)
    np.testing.assert_allclose(model.decision_function(ROWS), whole, atol=1e-5)
    assert sizes == [16, 16, 8, 16, 16, 8, 10]


def test_the_data_given_are_not_copied():
    held = []

    class Look(__import__("skorch").callbacks.Callback):
        def on_epoch_begin(self, net, dataset_train=None, **kwargs):
            held.append(dataset_train.X.numpy())

    _model(callbacks=[Look()], max_iter=1).fit(IMAGES, LABELS)
    assert np.shares_memory(held[0], IMAGES)


@pytest.mark.slow
def test_early_stopping_holds_one_copy_of_the_data():
    code = """
import resource, warnings
import numpy as np
from torch import nn
from sklip import NoiseLipschitzClassifier
warnings.simplefilter("ignore")
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
def fit(X):
    NoiseLipschitzClassifier(
        module=nn.Linear(2000, 2), early_stopping=True, max_iter=2, certificate=None,
    ).fit(X, np.arange(len(X)) % 2)
fit(np.ones((200, 2000)))
X = np.ones((20_000, 2000))  # 305 MB, 153 MB in float32
before = peak()
fit(X)
print(peak() - before)
"""
    run = [sys.executable, "-c", code]
    found = subprocess.run(run, capture_output=True, text=True, check=True)
    assert float(found.stdout.splitlines()[-1]) < 1.35 * 153


@pytest.mark.parametrize("module", [None, nn.Linear(64, 3)])
def test_a_fit_that_is_refused_leaves_the_fitted_network(module):
    model = NoiseLipschitzClassifier(module=module, max_iter=1, random_state=0)
    expected = model.fit(ROWS, LABELS).predict(ROWS)
    with pytest.raises(ValueError, match="validation set"):
        model.set_params(early_stopping=True, validation_fraction=0.01)
        model.fit(ROWS, LABELS)
    with pytest.raises(ValueError, match="let its last layer have 3 outputs"):
        model.set_params(early_stopping=False, module=nn.Linear(64, 2))
        model.fit(ROWS, LABELS)
    np.testing.assert_array_equal(model.predict(ROWS), expected)
