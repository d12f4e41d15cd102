# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Random fitted models of every kind that is accepted, with rows to ask about.

A new kind is one function with the decorator: it draws a model and a table and gives a
:class:`Case`; everything else asks no more than that.
"""

import numpy as np
import torch
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)

from sklip import CertifiedIntervalRegressor, CertifiedRejectClassifier

from . import parts
from .cases import (
    N_ROWS,
    Case,
    case_of,
    fitted,
    kind,
    steps_of,
    suit_selection,
    target_of,
)
from .networks import random_net
from .tables import Table, random_table


def _binary_steps(rng, classify):
    """Members that have a known logit."""
    if not classify:
        return parts.network(rng, False) if rng.random() < 0.5 else parts.linear(rng, 0)
    return parts.linear(rng, True, proba=True)


@kind
def network(rng):
    """A bare FeedForward."""
    net = random_net(rng, int(rng.integers(2, 5)) if rng.random() < 0.6 else None)
    table = Table(3.0 * rng.standard_normal((N_ROWS, net.n_inputs)), "array")
    return Case(net, table, net.n_outputs > 1)


@kind
def linear(rng):
    """A linear model of scikit-learn."""
    table, latent = random_table(rng, form=rng.choice(["array", "frame", "sparse"]))
    classify = bool(rng.integers(2))
    model = parts.linear(rng, classify, form=table.form)
    return fitted(rng, model, table, latent, classify)


@kind
def kernel(rng):
    """A linear support vector machine that sums over its support vectors."""
    table, latent = random_table(rng, form="array")
    table.values = latent + 10.0 ** rng.uniform(-2, 3)
    classify = bool(rng.integers(2))
    return fitted(rng, parts.kernel(rng, classify), table, latent, classify, 2)


@kind
def mlp(rng):
    """scikit-learn's network, its weights sometimes of another size after fit."""
    table, latent = random_table(rng, form=rng.choice(["array", "frame", "float32"]))
    classify = bool(rng.integers(2))
    n_classes = "two" if not classify and rng.random() < 0.4 else None
    case = fitted(rng, parts.mlp(rng, classify), table, latent, classify, n_classes)
    if rng.random() < 0.5:
        for weight in case.model.coefs_:
            weight *= weight.dtype.type(10.0 ** rng.uniform(-5, 3))
    return case


@kind
def estimator(rng):
    """An estimator of sklip."""
    table, latent = random_table(rng)
    classify = bool(rng.integers(2))
    n_classes = "two" if not classify and rng.random() < 0.4 else None
    return fitted(rng, parts.own(rng, classify), table, latent, classify, n_classes)


@kind
def pipeline(rng):
    """A chain of numeric transformers."""
    form = rng.choice(["array", "frame", "float32", "sparse", "uint8", "int8", "int16"])
    table, latent = random_table(rng, form=str(form))
    classify = bool(rng.integers(2))
    last = (parts.mlp if form == "sparse" else parts.network)(rng, classify)
    if rng.random() < 0.3:
        last = parts.linear(rng, classify, form=table.form)
    model = make_pipeline(*steps_of(rng, table), last)
    return fitted(rng, model, table, latent, classify)


@kind
def union(rng):
    """Transformers side by side, nested Pipelines."""
    table, latent = random_table(rng, form=rng.choice(["array", "frame", "int64"]))
    classify = bool(rng.integers(2))
    branches = [
        (
            f"b{k}",
            Pipeline([("s", steps_of(rng, table, 1)[0]), ("t", StandardScaler())]),
        )
        for k in range(rng.integers(1, 4))
    ]
    model = make_pipeline(FeatureUnion(branches), parts.network(rng, classify))
    return fitted(rng, model, table, latent, classify)


@kind
def missing(rng):
    """Gaps that an imputer fills, marked or not."""
    table, latent = random_table(rng, missing=True, form=rng.choice(["array", "frame"]))
    classify = bool(rng.integers(2))
    strategy = str(rng.choice(["mean", "median", "most_frequent", "constant"]))
    imputer = SimpleImputer(strategy=strategy, add_indicator=bool(rng.integers(2)))
    steps = [imputer, StandardScaler()]
    if rng.random() < 0.4:
        steps.insert(0, RobustScaler())
    last = parts.network(rng, classify)
    return fitted(rng, make_pipeline(*steps, last), table, latent, classify)


@kind
def columns(rng):
    """Numbers and encoded categories."""
    gaps = rng.random() < 0.3
    table, latent = random_table(
        rng, n_categories=int(rng.integers(1, 4)), missing=gaps
    )
    classify = bool(rng.integers(2))
    encoder = [
        lambda: OneHotEncoder(sparse_output=False, handle_unknown="ignore"),
        lambda: OneHotEncoder(drop="if_binary"),
        OrdinalEncoder,
        lambda: TargetEncoder(cv=2),
    ][rng.integers(4)]()
    numbers = StandardScaler() if rng.random() < 0.5 else MinMaxScaler()
    numbers = make_pipeline(SimpleImputer(), numbers) if gaps else numbers
    first = ColumnTransformer(
        [("n", numbers, table.names), ("c", encoder, list(table.categories))]
    )
    last = parts.linear(rng, classify) if rng.random() < 0.3 else None
    last = last or parts.network(rng, classify)
    return fitted(rng, make_pipeline(first, last), table, latent, classify)


@kind
def threshold(rng):
    """A decision threshold on a probability or a score."""
    table, latent = random_table(rng)
    inner = parts.mlp(rng, True) if rng.random() < 0.5 else None
    inner = inner or parts.linear(rng, True, proba=True)
    if rng.random() < 0.6:
        inner = make_pipeline(StandardScaler(), inner)
    if rng.random() < 0.3:
        inner = BaggingClassifier(inner, n_estimators=2, random_state=0)
    if rng.random() < 0.3:
        model = TunedThresholdClassifierCV(inner, cv=2, random_state=0)
    else:
        level = float(rng.choice([0.01, 0.3, 0.5, 0.9, 0.999]))
        model = FixedThresholdClassifier(inner, threshold=level)
    return fitted(rng, model, table, latent, True, 2)


@kind
def vote(rng):
    """A soft vote or a mean of different members."""
    table, latent = random_table(rng)
    classify = bool(rng.integers(2))
    members = [
        (f"m{k}", make_pipeline(*steps_of(rng, table, 1), _binary_steps(rng, classify)))
        for k in range(rng.integers(1, 4))
    ]
    if classify and rng.random() < 0.4:
        members = [(f"m{k}", parts.mlp(rng, True)) for k in range(2)]
        for _, member in members:
            member.set_params(activation="relu", hidden_layer_sizes=(4,))
    weights = rng.uniform(0.1, 3.0, len(members)) if rng.random() < 0.5 else None
    if classify:
        model = VotingClassifier(members, voting="soft", weights=weights)
    else:
        model = VotingRegressor(members, weights=weights)
    if rng.random() < 0.5:
        model = make_pipeline(StandardScaler(), model)
    return fitted(rng, model, table, latent, classify, 2)


@kind
def bag(rng):
    """A bag, over samples and columns."""
    table, latent = random_table(rng)
    classify = bool(rng.integers(2))
    options = {
        "n_estimators": int(rng.integers(1, 4)),
        "max_features": float(rng.uniform(0.4, 1.0)),
        "bootstrap_features": bool(rng.integers(2)),
        "random_state": 0,
    }
    inner = parts.mlp(rng, classify)
    if rng.random() < 0.4:
        inner = _binary_steps(rng, classify)
    model = (BaggingClassifier if classify else BaggingRegressor)(inner, **options)
    if rng.random() < 0.6:
        model = make_pipeline(RobustScaler(), model)
    return fitted(rng, model, table, latent, classify, 2)


@kind
def search(rng):
    """A search over a Pipeline, sometimes frozen."""
    table, latent = random_table(rng)
    classify = bool(rng.integers(2))
    inner = make_pipeline(StandardScaler(), parts.linear(rng, classify))
    inner.steps[-1] = ("last", parts.mlp(rng, classify))
    model = GridSearchCV(inner, {"last__alpha": [1e-4, 1.0]}, cv=2)
    case = fitted(rng, model, table, latent, classify, 2)
    if rng.random() < 0.3:
        case.model = FrozenEstimator(case.model)
    return case


@kind
def target(rng):
    """A regressor of a scaled target."""
    table, latent = random_table(rng)
    inner = make_pipeline(*steps_of(rng, table), parts.network(rng, False))
    scaler = [StandardScaler, MinMaxScaler, RobustScaler][rng.integers(3)]()
    model = TransformedTargetRegressor(inner, transformer=scaler)
    return fitted(rng, model, table, latent, False)


@kind
def module(rng):
    """An estimator with a torch module."""
    table, latent = random_table(rng, form=rng.choice(["array", "float32"]))
    classify = bool(rng.integers(2))
    n_classes = int(rng.integers(2, 4))
    n_outputs = n_classes if classify else 1
    last = parts.module(rng, classify, table.values.shape[1], n_outputs)
    return fitted(rng, last, table, latent, classify, n_classes)


@kind
def module_pipeline(rng):
    """A Pipeline that ends in an estimator with a torch module."""
    n_categories = int(rng.integers(0, 2))
    table, latent = random_table(rng, n_categories=n_categories)
    classify = bool(rng.integers(2))
    n_classes = int(rng.integers(2, 4))
    first = [StandardScaler, MinMaxScaler, RobustScaler][rng.integers(3)]()
    n = table.values.shape[1]
    if n_categories:
        encoder = OneHotEncoder(sparse_output=False)
        first = ColumnTransformer([("n", first, table.names), ("c", encoder, ["c0"])])
        n += len(np.unique(table.categories["c0"]))
    last = parts.module(rng, classify, n, n_classes if classify else 1)
    model = make_pipeline(first, last)
    return fitted(rng, model, table, latent, classify, n_classes)


@kind
def stack(rng):
    """A bare torch module: what its bound says of its outputs."""
    net = random_net(rng)
    table = Table(3.0 * rng.standard_normal((N_ROWS, net.n_inputs)), "array")
    sizes = net.layer_sizes
    squash = [torch.nn.ReLU, torch.nn.Tanh, torch.nn.Softplus, torch.nn.GELU]
    layers = []
    for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [torch.nn.Linear(n_in, n_out), squash[rng.integers(4)]()]
    return Case(torch.nn.Sequential(*layers[:-1]).double().eval(), table, False)


@kind
def reject(rng):
    """A classifier that rejects what is not proven."""
    return _meta(rng, True)


@kind
def interval(rng):
    """A regressor that gives intervals."""
    return _meta(rng, False)


def _meta(rng, classify):
    table, latent = random_table(rng)
    inner = make_pipeline(*steps_of(rng, table, 1), parts.network(rng, classify))
    radius = float(10.0 ** rng.uniform(-3, 0) * np.std(table.values, axis=0).min())
    norm = float(rng.choice([1, 2, np.inf]))
    around = CertifiedRejectClassifier if classify else CertifiedIntervalRegressor
    options = {"reject_label": "none"} if classify else {}
    model = around(inner, radius=radius, norm=norm, **options)
    table.y = target_of(rng, latent, classify, 2)
    if classify:
        table.y = np.array(["a", "b"])[(table.y == np.unique(table.y)[1]).astype(int)]
    suit_selection(model, classify)
    model.fit(table.X, table.y)
    return case_of(rng, model, table, classify)
