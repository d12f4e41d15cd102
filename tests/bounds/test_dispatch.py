# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""lipschitz_bound: arguments, models, and whose constant it is.

Also tests of ``bounds/_methods.py`` and ``bounds/_subject.py``.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklip.bounds import (
    LipschitzCertificate,
    auto_method,
    lipschitz_bound,
    lipschitz_lower_bound,
    product_bound,
)
from sklip.exceptions import UnsupportedModelError
from sklip.networks import FeedForward, random_network
from sklip.training import sequential_module


@pytest.fixture
def network():
    return random_network([4, 9, 7, 3], random_state=0)


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "size": rng.normal(5.0, 100.0, 60),
            "age": rng.normal(0.0, 0.1, 60),
            "colour": rng.choice(["red", "blue"], 60),
        }
    )


def test_methods_and_norms(network):
    assert lipschitz_bound(network).method == "lipsdp"
    wide = random_network([4, 600, 3], random_state=0)
    assert auto_method(wide) == "sequential"
    stepped = lipschitz_bound(wide)
    assert float(stepped) < float(lipschitz_bound(wide, method="sequential"))
    assert lipschitz_bound(network).norm == 2
    for norm in (1, np.inf):
        certificate = lipschitz_bound(network, norm=norm)
        assert certificate.method == "path" and certificate.norm == norm
        assert certificate.value < product_bound(network, norm)
        single = FeedForward(network.weights[:1])
        assert lipschitz_bound(single, norm=norm).value == product_bound(single, norm)


@pytest.mark.parametrize("method", ["lipsdp-network", "Auto", None, 3])
def test_unknown_methods_are_listed(network, method):
    with pytest.raises(ValueError, match="'auto', 'product', 'path', 'sequential'"):
        lipschitz_bound(network, method=method)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"method": "sequential", "norm": 1}, "use 'product'"),
        ({"norm": 3}, "norm must be 1, 2 or numpy.inf"),
        ({"norm": "2"}, "norm must be .* 'l1', 'l2', 'linf', 'inf'"),
        ({"norm": True}, "norm must be"),
        ({"tol": 0.0}, "tol must be"),
        ({"tol": "small"}, "tol must be"),
        ({"tol": np.inf}, "tol must be"),
        ({"tol": np.nan}, "tol must be"),
        ({"time_limit": -1}, "time_limit must be"),
        ({"device": "gpu"}, "device must be one of 'cpu', 'cuda', 'auto'"),
        ({"output": 3}, "integer from 0 to 2"),
        ({"output": True}, "integer from 0 to 2"),
        ({"output": "first"}, "integer from 0 to 2"),
        ({"feature": 4}, "the indices 0 to 3"),
        ({"feature": -1}, "the indices 0 to 3"),
        ({"feature": "age"}, "the indices 0 to 3"),
    ],
)
def test_bad_arguments_are_named_with_what_is_allowed(network, arguments, message):
    with pytest.raises(ValueError, match=message):
        lipschitz_bound(network, **arguments)


def test_unfitted_and_unknown_models_are_refused():
    with pytest.raises(NotFittedError):
        lipschitz_bound(MLPClassifier())
    for model in (3.0, "relu", StandardScaler):
        with pytest.raises(UnsupportedModelError):
            lipschitz_bound(model)


@pytest.mark.parametrize("method", ["product", "sequential"])
def test_single_outputs_and_features(network, method):
    whole = lipschitz_bound(network, method=method)
    for output in range(3):
        part = lipschitz_bound(network, method=method, output=output)
        assert part.value <= whole.value * (1 + 1e-9)
        assert part.verify(network, output=output)
        assert not part.verify(network) and not whole.verify(network, output=output)
        row = [[float(k == output) for k in range(3)]]
        alone = lipschitz_bound(network.with_output_map(row), method=method)
        assert_allclose(part.value, alone.value, rtol=1e-9)
    for feature in range(4):
        part = lipschitz_bound(network, method=method, feature=feature)
        assert part.value <= whole.value * (1 + 1e-9)
        assert part.verify(network, feature=feature)
        both = lipschitz_bound(network, method=method, feature=feature, output=0)
        assert both.value <= part.value * (1 + 1e-9)


def test_linear_models_in_the_users_units(table):
    X = table[["size", "age"]]
    y = X["size"] * 2.0 + X["age"] * 30.0
    expected = np.hypot(2.0, 30.0)
    plain = LinearRegression().fit(X, y)
    scaled = TransformedTargetRegressor(
        make_pipeline(StandardScaler(), LinearRegression()),
        transformer=StandardScaler(),
    ).fit(X, y)
    for model in (plain, scaled):
        certificate = lipschitz_bound(model)
        assert_allclose(certificate.value, expected, rtol=1e-9)
        assert_allclose(lipschitz_bound(model, feature="age").value, 30.0, rtol=1e-9)
        assert lipschitz_bound(model, norm=1).value == pytest.approx(30.0)
        assert lipschitz_bound(model, norm=np.inf).value == pytest.approx(32.0)
        assert certificate.verify(model)
        assert float(lipschitz_lower_bound(model, X)) == pytest.approx(expected)


def test_a_binary_model_speaks_of_its_single_logit(table):
    X = table[["size", "age"]]
    model = LogisticRegression().fit(X, table["colour"])
    certificate = lipschitz_bound(model)
    assert_allclose(certificate.value, np.linalg.norm(model.coef_), rtol=1e-12)
    assert certificate.verify(model)


def test_immutable_columns_do_not_count(table):
    encode = ColumnTransformer(
        [("code", OneHotEncoder(), ["colour"])], remainder="passthrough"
    )
    y = 3.0 * table["size"] + 500.0 * (table["colour"] == "red")
    model = make_pipeline(encode, Ridge(alpha=1e-9)).fit(table, y)
    certificate = lipschitz_bound(model)
    assert_allclose(certificate.value, 3.0, rtol=1e-6)
    assert certificate.verify(model)
    assert float(lipschitz_lower_bound(model, table)) <= certificate.value
    with pytest.raises(ValueError, match="immutable|column of X"):
        lipschitz_bound(model, feature="colour")
    binary = make_pipeline(encode, MLPClassifier((5,), max_iter=300, random_state=0))
    binary.fit(table, table["age"] > 0)
    certificate = lipschitz_bound(binary)
    assert certificate.verify(binary)
    assert 0 < float(lipschitz_lower_bound(binary, table)) <= certificate.value


def test_plain_torch_modules_are_certified_like_networks(network):
    module = sequential_module(network)
    for method in ("product", "sequential", "lipsdp"):
        certificate = lipschitz_bound(module, method=method)
        assert certificate.value == lipschitz_bound(network, method=method).value
        assert certificate.verify(module)
    with torch.no_grad():
        module[0].weight[0, 0] += 1e-6
    assert not certificate.verify(module)


def test_other_modules_get_the_product_and_verify():
    torch.manual_seed(0)
    layers = torch.nn
    image = layers.Sequential(
        layers.Conv2d(1, 2, 3, padding=1), layers.ReLU(), layers.MaxPool2d(2)
    ).double()
    certificate = lipschitz_bound(image)
    assert certificate.method == "product" and certificate.verify(image)
    assert LipschitzCertificate.from_json(certificate.to_json()).verify(image)
    x, y = torch.rand(2, 8, 1, 6, 6, dtype=torch.float64)
    moved = (image(x) - image(y)).flatten(1).norm(dim=1)
    assert bool((moved <= certificate.value * (x - y).flatten(1).norm(dim=1)).all())
    assert not replace(certificate, value=0.9 * certificate.value).verify(image)
    with torch.no_grad():
        image[0].bias[0] += 1.0
    assert not certificate.verify(image)
    for arguments in ({"method": "lipsdp"}, {"output": 0}, {"feature": 0}):
        with pytest.raises(ValueError, match="product of norms as a whole"):
            lipschitz_bound(image, **arguments)
    with pytest.raises(UnsupportedModelError, match="LayerNorm"):
        lipschitz_bound(layers.Sequential(layers.LayerNorm(3)))
