# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Random estimators and transformers, not yet fitted."""

import numpy as np
import torch
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.feature_selection import SelectKBest, VarianceThreshold
from sklearn.linear_model import (
    ElasticNet,
    HuberRegressor,
    LinearRegression,
    LogisticRegression,
    Perceptron,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
    SGDRegressor,
)
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import SVC, SVR, LinearSVC, LinearSVR

from sklip import (
    ADMMLipschitzMLPClassifier,
    ADMMLipschitzMLPRegressor,
    LipschitzBoundedMLPClassifier,
    LipschitzBoundedMLPRegressor,
    LipschitzRegularizedMLPClassifier,
    LipschitzRegularizedMLPRegressor,
    LipschitzScaler,
    NoiseLipschitzClassifier,
    NoiseLipschitzRegressor,
)

__all__ = ["kernel", "linear", "mlp", "module", "network", "own", "transformer"]


def _pick(rng, makers):
    return makers[rng.integers(len(makers))]()


def _sizes(rng):
    return tuple(int(n) for n in rng.integers(2, 13, rng.integers(1, 3)))


def linear(rng, classify, *, proba=False, form="array"):
    """A linear model of scikit-learn."""
    if classify:
        kinds = [
            LogisticRegression,
            lambda: SGDClassifier(loss="log_loss", max_iter=20, random_state=0),
        ]
        if form != "sparse":
            kinds.append(LinearDiscriminantAnalysis)
        if not proba:
            kinds += [
                LinearSVC,
                lambda: Perceptron(max_iter=20, random_state=0),
                RidgeClassifier,
                lambda: SGDClassifier(max_iter=20, random_state=0),
            ]
        return _pick(rng, kinds)
    kinds = [LinearRegression, Ridge, ElasticNet, HuberRegressor, LinearSVR]
    kinds += [lambda: SGDRegressor(max_iter=20, random_state=0)]
    return _pick(rng, kinds)


def kernel(rng, classify):
    """A support vector machine with a linear kernel."""
    kind = SVC if classify else SVR
    return kind(kernel="linear", C=float(10.0 ** rng.uniform(-2, 2)))


def mlp(rng, classify):
    """A network of scikit-learn."""
    kind = MLPClassifier if classify else MLPRegressor
    activation = str(rng.choice(["relu", "relu", "tanh", "logistic", "identity"]))
    return kind(
        hidden_layer_sizes=_sizes(rng),
        activation=activation,
        max_iter=int(rng.choice([1, 5, 40])),
        learning_rate_init=0.05,
        random_state=int(rng.integers(1000)),
    )


def own(rng, classify):
    """One of the estimators of sklip."""
    if rng.random() < 0.2:
        kind = (
            LipschitzBoundedMLPClassifier if classify else LipschitzBoundedMLPRegressor
        )
        return kind(_sizes(rng), max_iter=5, random_state=0, certificate=None)
    kinds = [
        (LipschitzRegularizedMLPClassifier, LipschitzRegularizedMLPRegressor),
        (NoiseLipschitzClassifier, NoiseLipschitzRegressor),
        (ADMMLipschitzMLPClassifier, ADMMLipschitzMLPRegressor),
    ]
    which = rng.choice(3, p=[0.5, 0.35, 0.15])
    options = {"max_admm_iter": 2, "epochs_per_iter": 2} if which == 2 else {}
    if which != 2:
        activations = ["relu", "tanh", "softplus", "elu", "leaky_relu", "gelu", "silu"]
        options["activation"] = str(rng.choice(activations))
    return kinds[which][0 if classify else 1](
        _sizes(rng),
        max_iter=int(rng.choice([1, 5, 30])),
        learning_rate_init=0.05,
        random_state=int(rng.integers(1000)),
        certificate=None,
        **options,
    )


def network(rng, classify):
    """Any estimator with a network."""
    return mlp(rng, classify) if rng.random() < 0.75 else own(rng, classify)


def _layers(rng, n_inputs, n_outputs):
    """A stack of linear layers, or one that begins with a convolution."""
    n = int(rng.integers(2, 9))
    squash = _pick(rng, [torch.nn.ReLU, torch.nn.Tanh, torch.nn.ELU, torch.nn.SiLU])
    if n_inputs > 2 and rng.random() < 0.3:
        pool = _pick(rng, [torch.nn.Identity, lambda: torch.nn.AvgPool1d(2)])
        length = (n_inputs - 1) // (1 if isinstance(pool, torch.nn.Identity) else 2)
        wide = [torch.nn.Unflatten(1, (1, n_inputs)), torch.nn.Conv1d(1, n, 2)]
        flat = [squash, pool, torch.nn.Flatten()]
        return torch.nn.Sequential(*wide, *flat, torch.nn.Linear(n * length, n_outputs))
    layers = [torch.nn.Linear(n_inputs, n), squash]
    if rng.random() < 0.4:
        layers += [torch.nn.Linear(n, n), torch.nn.LeakyReLU(0.2)]
    if rng.random() < 0.3:
        layers.insert(1, torch.nn.BatchNorm1d(n))
    return torch.nn.Sequential(*layers, torch.nn.Linear(n, n_outputs))


def module(rng, classify, n_inputs, n_outputs):
    """An estimator of sklip with a torch module of its own."""
    kind = NoiseLipschitzClassifier if classify else NoiseLipschitzRegressor
    return kind(
        module=_layers(rng, n_inputs, n_outputs),
        lipschitz_weight=0.0,
        max_iter=int(rng.choice([1, 10])),
        learning_rate_init=0.05,
        random_state=int(rng.integers(1000)),
        certificate=None,
    )


def _half_sine(X):
    return 0.5 * np.sin(X)


_half_sine.slope = 0.5


def transformer(rng, form, n_columns):
    """A transformer that takes numbers without gaps."""
    if form == "sparse":
        kinds = [MaxAbsScaler, lambda: StandardScaler(with_mean=False)]
        if n_columns > 1:
            kinds.append(lambda: TruncatedSVD(rng.integers(1, n_columns)))
        return _pick(rng, kinds)
    few = int(rng.integers(1, n_columns + 1))
    functions = [np.arctan, np.abs, np.tanh, np.arcsinh, np.negative, _half_sine]
    kinds = [
        StandardScaler,
        lambda: StandardScaler(with_mean=False),
        lambda: MinMaxScaler((-1, 2)),
        MaxAbsScaler,
        RobustScaler,
        lambda: PCA(few, whiten=bool(rng.integers(2)), random_state=0),
        lambda: VarianceThreshold(0.0),
        lambda: SelectKBest(k=few),
        lambda: FunctionTransformer(functions[rng.integers(len(functions))]),
        lambda: QuantileTransformer(n_quantiles=int(rng.integers(3, 20))),
        lambda: LipschitzScaler(tolerance=float(10.0 ** rng.uniform(-2, 2))),
        lambda: "passthrough",
    ]
    return _pick(rng, kinds)
