# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Ten Pipelines of different make-up, and attacks on them in the units of raw X."""

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.feature_selection import SelectKBest, VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
    train_test_split,
)
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVC, LinearSVC

from sklip import (
    LipschitzRegularizedMLPClassifier,
    LipschitzScaler,
    certified_radius,
)

__all__ = ["PIPELINES", "Case", "hunt"]

CATEGORIES = {"site": ["a", "b", "c"], "kind": ["x", "y"]}
# Random points at each row that are judged by one call of predict.
_COPIES = 50


@dataclass
class Case:
    """A fitted model, rows to certify, and what may change in them.

    Attributes
    ----------
    model : classifier
        Fitted.
    X : DataFrame
        Held-back rows.
    eps : dict of str to float
        Tolerance of each numeric column that may change.
    norm : {2, inf}
        Ellipsoid or box.
    categories : dict of str to list
        Values that a categorical column may take instead.
    """

    model: object
    X: pd.DataFrame
    eps: dict
    norm: float
    categories: dict

    def radii(self, rows):
        """Certified radii of some rows, in tolerances."""
        return certified_radius(
            self.model,
            self.X.iloc[rows],
            norm=self.norm,
            feature_eps=self.eps,
            categorical="flip" if self.categories else "immutable",
        )


def _net(sizes=(16,), **params):
    return MLPClassifier(sizes, max_iter=150, random_state=0, **params)


def _own(sizes=(16,), **params):
    return LipschitzRegularizedMLPClassifier(
        sizes, max_iter=100, random_state=0, **params
    )


def _case(X, y, model, norm, columns=None, categories=None):
    train, test, y_train, _ = train_test_split(
        X, y, test_size=0.4, random_state=0, stratify=y
    )
    model.fit(train, y_train)
    numeric = X.columns.drop(list(categories or ())) if columns is None else columns
    eps = {name: 0.1 * float(train[name].std()) for name in numeric}
    rng = np.random.default_rng(1)
    eps = {name: value * rng.uniform(0.3, 3.0) for name, value in eps.items() if value}
    return Case(model, test.dropna(), eps, norm, categories or {})


def _tumours():
    return load_breast_cancer(return_X_y=True, as_frame=True)


def _table():
    """Numbers with gaps and two categorical columns."""
    X, y = _tumours()
    X = X.iloc[:, :5].copy()
    rng = np.random.default_rng(0)
    for name, values in CATEGORIES.items():
        X[name] = rng.choice(values, len(X))
    y = np.where((X["site"] == "a") & (rng.random(len(X)) < 0.2), 1 - y, y)
    X.loc[rng.random(len(X)) < 0.1, "mean area"] = np.nan
    return X, y


def _mixed(encoder):
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    return make_column_transformer((encoder, list(CATEGORIES)), remainder=numbers)


PIPELINES = {
    "scaler, network": lambda: _case(
        *_tumours(), make_pipeline(StandardScaler(), _net()), np.inf
    ),
    "whitened PCA, tanh network": lambda: _case(
        *load_wine(return_X_y=True, as_frame=True),
        make_pipeline(
            RobustScaler(), PCA(8, whiten=True), _net((12,), activation="tanh")
        ),
        2,
    ),
    "one-hot, imputer, network, flips of categories": lambda: _case(
        *_table(),
        make_pipeline(_mixed(OneHotEncoder(sparse_output=False)), _net((8, 8))),
        2,
        categories=CATEGORIES,
    ),
    "ordinal and target codes, network, flips of categories": lambda: _case(
        *_table(),
        make_pipeline(
            FeatureUnion(
                [("o", _mixed(OrdinalEncoder())), ("t", _mixed(TargetEncoder(cv=3)))]
            ),
            _own((8,)),
        ),
        np.inf,
        categories=CATEGORIES,
    ),
    "SVD, selection, linear": lambda: _case(
        *load_digits(return_X_y=True, as_frame=True),
        make_pipeline(
            TruncatedSVD(30, random_state=0),
            SelectKBest(k=20),
            LogisticRegression(max_iter=1000),
        ),
        np.inf,
    ),
    "union with quantiles, network": lambda: _case(
        *_tumours(),
        make_pipeline(
            FeatureUnion(
                [("s", StandardScaler()), ("q", QuantileTransformer(n_quantiles=6))]
            ),
            _net((10,)),
        ),
        2,
        columns=["mean radius", "mean texture", "worst area"],
    ),
    "nested, curved, linear SVM": lambda: _case(
        *load_wine(return_X_y=True, as_frame=True),
        make_pipeline(
            make_pipeline(VarianceThreshold(1e-3), MaxAbsScaler()),
            FunctionTransformer(np.arcsinh),
            LinearSVC(),
        ),
        np.inf,
    ),
    "vote behind a threshold": lambda: _case(
        *_tumours(),
        FixedThresholdClassifier(
            make_pipeline(
                StandardScaler(),
                VotingClassifier(
                    [("net", _net((6,))), ("linear", LogisticRegression())],
                    voting="soft",
                ),
            ),
            threshold=0.3,
        ),
        2,
    ),
    "bag behind a tuned threshold": lambda: _case(
        *_tumours(),
        TunedThresholdClassifierCV(
            make_pipeline(
                MinMaxScaler(),
                BaggingClassifier(
                    _net((5,)), n_estimators=3, max_features=0.7, random_state=0
                ),
            ),
            cv=3,
        ),
        np.inf,
    ),
    "tolerances, search over linear SVMs": lambda: _case(
        *_tumours(),
        make_pipeline(
            LipschitzScaler(tolerance=0.5),
            StandardScaler(),
            GridSearchCV(SVC(kernel="linear"), {"C": [0.01, 0.1]}, cv=3),
        ),
        2,
    ),
}


def hunt(case, rng, n_random=100_000, n_rows=100, n_steps=10, scale=1.0):
    """Look for flips inside the certified tolerances, in the units of raw X.

    Parameters
    ----------
    case : Case
        The model and its rows.
    rng : Generator
        Of rows, directions and categories.
    n_random : int
        Random perturbations in all, half of them on the boundary.
    n_rows : int
        Rows that are attacked, of those with a positive radius.
    n_steps : int
        Steps of gradient ascent by finite differences of the model's own scores.
    scale : float
        Multiple of the certified radius within which to look; above one, flips show
        that the hunt is able to find some.

    Returns
    -------
    counts : dict of str to number
        Rows, points tried, flips by random points and by ascent.
    """
    # More than are needed: some have no radius.
    rows = rng.permutation(len(case.X))[: 2 * n_rows]
    radii = case.radii(rows)
    sure = np.flatnonzero((radii > 0.0) & np.isfinite(radii))[:n_rows]
    rows, radii = rows[sure], radii[sure]
    radii = scale * (1.0 - 1e-9) * radii
    copies = min(_COPIES, -(-n_random // len(rows)))
    many = _Attack(case, np.tile(rows, copies), np.tile(radii, copies))
    n_tries = -(-n_random // len(many.X))
    flipped = sum(many.random(rng) for _ in range(n_tries))
    ascent = _Attack(case, rows, radii).ascend(rng, n_steps)
    return {
        "rows": len(rows),
        "median radius": float(np.median(radii)) / scale,
        "random points": n_tries * len(many.X),
        "random flips": int(flipped),
        "ascent flips": int(ascent),
    }


class _Attack:
    """Perturbations of some rows, judged by the model's own predict."""

    def __init__(self, case, rows, radii):
        self.case, self.radii = case, radii[:, None]
        self.names = list(case.eps)
        self.eps = np.array(list(case.eps.values()))
        self.X = case.X.iloc[rows].reset_index(drop=True)
        self.X = self.X.astype(dict.fromkeys(self.names, np.float64))
        self.numbers = self.X[self.names].to_numpy()
        self.target = self._predict(self.X)

    def random(self, rng):
        """Number of rows that a random perturbation flips."""
        size = self.radii * np.where(
            rng.random(self.radii.shape) < 0.5, 1.0, rng.random(self.radii.shape)
        )
        n, d = len(self.X), len(self.eps)
        if self.case.norm == 2:
            delta = rng.standard_normal((n, d))
            delta /= np.linalg.norm(delta, axis=1, keepdims=True)
        else:
            delta = np.clip(3.0 * rng.uniform(-1.0, 1.0, (n, d)), -1.0, 1.0)
        return self._flips(self._moved(size * delta, self._categories(rng)))

    def ascend(self, rng, n_steps):
        """Number of rows that ascent flips: a sign or gradient step each time."""
        categories = self._categories(rng)
        delta = np.zeros((len(self.X), len(self.eps)))
        flipped = np.zeros(len(self.X), dtype=bool)
        for step in range(n_steps):
            slope = self._slope(delta, categories)
            if self.case.norm == 2:
                length = np.linalg.norm(slope, axis=1, keepdims=True)
                direction = slope / np.where(length > 0.0, length, 1.0)
            else:
                direction = np.sign(slope)
            share = 1.0 if step == 0 else 1.0 / (1.0 + step)
            delta = self._project(delta - share * self.radii * direction)
            X = self._moved(delta, categories)
            flipped |= self._predict(X) != self.target
        return np.count_nonzero(flipped)

    def _project(self, delta):
        if self.case.norm != 2:
            return np.clip(delta, -self.radii, self.radii)
        length = np.linalg.norm(delta, axis=1, keepdims=True)
        return delta * np.minimum(1.0, self.radii / np.maximum(length, 1e-300))

    def _slope(self, delta, categories):
        """Of the target's score, per tolerance, by differences."""
        base = self._score(self._moved(delta, categories))
        slope = np.empty(delta.shape)
        for j in range(delta.shape[1]):
            step = np.zeros(delta.shape)
            step[:, [j]] = 1e-3 * self.radii
            ahead = self._score(self._moved(delta + step, categories))
            slope[:, j] = ahead - base
        return slope

    def _moved(self, delta, categories):
        moved = pd.DataFrame(self.numbers + delta * self.eps, columns=self.names)
        for name in self.X.columns.drop(self.names):
            moved[name] = categories.get(name, self.X[name])
        return moved[self.X.columns]

    def _categories(self, rng):
        n = len(self.X)
        return {k: rng.choice(v, n) for k, v in self.case.categories.items()}

    def _score(self, X):
        """The target's score less the best other one."""
        scores = getattr(self.case.model, "decision_function", None)
        scores = (scores or self.case.model.predict_proba)(X)
        if scores.ndim == 1:
            scores = np.column_stack([-scores, scores])
        rows = np.arange(len(X))
        columns = np.searchsorted(self.case.model.classes_, self.target)
        own = scores[rows, columns]
        scores = scores.copy()
        scores[rows, columns] = -np.inf
        return own - scores.max(axis=1)

    def _flips(self, X):
        return np.count_nonzero(self._predict(X) != self.target)

    def _predict(self, X):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.asarray(self.case.model.predict(X))
