# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Every step on every type of X, fitted on either float: its arithmetic is allowed for.

What transform gives is compared with the folded map in exact rational arithmetic.

Also tests of ``networks/_folding/columns.py``.
"""

from fractions import Fraction

import mpmath
import numpy as np
import pandas as pd
import pytest
from scipy import special
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from sklip.exceptions import UnsupportedModelError
from sklip.networks._folding.columns import raw_columns
from sklip.networks._folding.fold import Folder
from sklip.networks._folding.storage import Storage, as_float, coarseness
from sklip.preprocessing import LipschitzScaler

TYPES = "float64 float32 float16 longdouble int8 uint8 int16 int32 int64 bool".split()
N_COLUMNS = 3


def halved(X):
    return X / 2.0


halved.slope = 0.5

LINEAR = {
    "standard": StandardScaler(),
    "minmax": MinMaxScaler((-3.0, 1.0)),
    "maxabs": MaxAbsScaler(),
    "robust": RobustScaler(),
    "lipschitz": LipschitzScaler(tolerance=[0.3, 7.0, 11.0]),
    "pca": PCA(2, svd_solver="full"),
    "whitened": PCA(2, whiten=True, svd_solver="full"),
    "svd": TruncatedSVD(2, random_state=0),
    "mean": SimpleImputer(),
    "most frequent": SimpleImputer(strategy="most_frequent"),
    "selector": VarianceThreshold(),
}
CURVES = {
    "tanh": (FunctionTransformer(np.tanh), mpmath.tanh),
    "arcsinh": (FunctionTransformer(np.arcsinh), mpmath.asinh),
    "sin": (FunctionTransformer(np.sin), mpmath.sin),
    "positive": (FunctionTransformer(np.positive), mpmath.mpf),
    "negative": (FunctionTransformer(np.negative), lambda x: -x),
    "abs": (FunctionTransformer(np.abs), abs),
    "erf": (FunctionTransformer(special.erf), mpmath.erf),
    "expit": (FunctionTransformer(special.expit), lambda x: 1 / (1 + mpmath.exp(-x))),
    "stated": (FunctionTransformer(halved), lambda x: x / 2),
}


def samples(dtype, n=40):
    """Far from zero for its spread: centering cancels most digits."""
    rng = np.random.default_rng(0)
    X = rng.normal([60.3, -40.7, 100.1], [1.3, 20.0, 5.0], (n, N_COLUMNS))
    if np.dtype(dtype).kind == "b":
        return X > np.median(X, axis=0)
    with np.errstate(invalid="ignore"):
        return X.astype(dtype)


def folded(step, X):
    storage = Storage.of(X, N_COLUMNS)
    return Folder(N_COLUMNS).fold(step, raw_columns(N_COLUMNS, storage))


def exact_images(columns, X):
    """Rows of the folded map and of what it may be off by, as fractions."""
    matrix, size = columns.matrix.toarray(), columns.size.toarray()
    for row in X.astype(np.longdouble).tolist():
        row = [Fraction(*value.as_integer_ratio()) for value in row]
        for i in range(len(columns)):
            image = sum(Fraction(m) * x for m, x in zip(matrix[i], row, strict=True))
            room = sum(Fraction(s) * abs(x) for s, x in zip(size[i], row, strict=True))
            image += Fraction(columns.offset[i])
            room += Fraction(columns.offset_size[i])
            yield image, room * columns.n_roundings / 2**53


def assert_folded(step, X):
    columns = folded(step, X)
    outputs = np.asarray(step.transform(X), dtype=np.longdouble)
    images = exact_images(columns, X)
    for output, (image, room) in zip(outputs.ravel().tolist(), images, strict=True):
        assert abs(Fraction(*output.as_integer_ratio()) - image) <= room
    return columns, outputs


@pytest.mark.parametrize("fit", ["float64", "float32"])
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", LINEAR)
def test_linear_steps(name, dtype, fit):
    step = LINEAR[name].fit(samples(fit))
    X = samples(dtype)
    if name == "most frequent" and dtype == "bool":
        return  # scikit-learn takes none
    if dtype == "float16" and not name.startswith(("pca", "whitened", "svd", "sel")):
        with pytest.raises(UnsupportedModelError, match="float16.*X.astype"):
            folded(step, X)
        return
    columns, outputs = assert_folded(step, X)
    handed_on = {d.name for d in columns.storage.dtypes}
    if (name, dtype) != ("svd", "longdouble"):  # noted as float64, which is coarser
        assert handed_on == {step.transform(X).dtype.name}


def test_float32_is_allowed_for_because_it_is_needed():
    for name in ("standard", "minmax", "pca", "whitened", "svd", "lipschitz"):
        step, X = LINEAR[name].fit(samples("float32")), samples("float32")
        columns = folded(step, X)
        outputs = step.transform(X).astype(np.longdouble)
        errors = [
            abs(Fraction(*output.as_integer_ratio()) - image) > room / 2**27
            for output, (image, room) in zip(
                outputs.ravel().tolist(), exact_images(columns, X), strict=True
            )
        ]
        assert any(errors), name


def test_a_mean_in_float32_counts_for_float64_rows_too():
    step = PCA(2, svd_solver="full").fit(samples("float32"))
    columns, _ = assert_folded(step, samples("float64"))
    # Only the mean: products with X are in float64.
    assert columns.n_roundings < 100
    assert columns.offset_size.max() > 1e9


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", CURVES)
def test_curves(name, dtype):
    step, exact = CURVES[name]
    X = samples(dtype) if dtype == "bool" else samples(dtype) // 20
    kind = np.dtype(dtype).kind
    signed, numbers = kind == "i", kind in "iu"
    wraps = (name == "negative" and numbers) or (name == "abs" and signed)
    small = np.dtype(dtype).itemsize == 1 and name in ("tanh", "arcsinh", "sin")
    if wraps or small or dtype == "float16":
        with pytest.raises(UnsupportedModelError, match="float64"):
            folded(step, X)
        return
    try:
        outputs = step.transform(X).astype(np.float64)
    except TypeError:
        return  # numpy has no such loop
    columns = folded(step, X)
    # One rounding of each coordinate, of the function itself and of its argument.
    unit = columns.n_roundings / 2**53
    for x, output, room in zip(
        X.astype(np.float64).ravel().tolist(),
        outputs.ravel().tolist(),
        np.tile(columns.offset_size, len(X)),
        strict=True,
    ):
        with mpmath.workdps(60):
            error = abs(mpmath.mpf(output) - exact(mpmath.mpf(x)))
            assert error <= unit * (abs(output) + room)


@pytest.mark.parametrize("dtype", TYPES)
def test_quantiles(dtype):
    step = QuantileTransformer(n_quantiles=8).fit(samples("float64"))
    X = samples(dtype)
    if dtype == "float16":
        with pytest.raises(UnsupportedModelError, match="QuantileTransformer.*float16"):
            folded(step, X)
        return
    columns = folded(step, X)
    outputs = step.transform(X)
    unit = Fraction(columns.n_roundings) / 2**53
    knots = [[Fraction(q) for q in column] for column in step.quantiles_.T.tolist()]
    levels = [Fraction(r) for r in step.references_.tolist()]
    for row, output in zip(X.astype(np.float64), outputs.tolist(), strict=True):
        for j, x in enumerate(row.tolist()):
            exact = interpolated(Fraction(x), knots[j], levels)
            room = Fraction(columns.offset_size[j]) + Fraction(output[j])
            assert abs(Fraction(output[j]) - exact) <= unit * room


def interpolated(x, knots, levels):
    if x <= knots[0]:
        return levels[0]
    for k in range(1, len(knots)):
        if x <= knots[k]:
            share = (x - knots[k - 1]) / (knots[k] - knots[k - 1])
            return levels[k - 1] + share * (levels[k] - levels[k - 1])
    return levels[-1]


def test_types_of_tables():
    frame = pd.DataFrame(
        {
            "a": np.array([1, 2], dtype=np.int8),
            "b": np.array([1.0, 2.0], dtype=np.float32),
            "c": ["x", "y"],
            "d": pd.array([1, None], "Int16"),
            "e": pd.array([1.0, None], "Float32"),
            "f": pd.array([True, None], "boolean"),
            "g": pd.Categorical([1.0, 2.0]),
        }
    )
    names = [dtype.name for dtype in Storage.of(frame, 7).dtypes]
    assert names == "int8 float32 object int16 float32 bool object".split()
    assert Storage.of([[1, 2.5]], 2).dtypes == (np.float64,) * 2
    assert Storage.of([[1, "a"]], 2).dtypes == (object,) * 2
    assert Storage.of(np.ones((2, 2), ">f4"), 2).dtypes == (np.float32,) * 2
    # Columns that X lacks: encode() says so.
    assert Storage.of(frame[["b"]], 2, [1, 0]).dtypes == (np.float64, np.float32)
    assert Storage.of(None, 1).dtypes == (np.float64,)


def test_what_scikit_learn_computes_in():
    for dtypes in (["float32"], ["int8"], ["int8", "float32"], ["int32", "float32"]):
        X = pd.DataFrame({k: np.arange(3, dtype=d) for k, d in enumerate(dtypes)})
        expected = StandardScaler().fit_transform(X).dtype
        assert as_float(Storage.of(X, len(dtypes)).dtypes) == expected
    assert as_float(()) == np.float64
    assert coarseness(np.dtype(np.float32), "x") * 2.0**-53 == 2.0**-24


@pytest.mark.parametrize("how", ["scaled", "mixed"])
def test_float32_loses_the_digits_of_what_is_below_its_smallest(how):
    """2**-126 rounded to 24 bits: half of the smallest subnormal number, 2**-150."""
    columns = raw_columns(1, Storage.new(1, np.dtype("float32")))
    smallest = Fraction(2) ** -150
    for coarse in (1, 2**29):
        if how == "scaled":
            found = columns.scaled(0.0, 0.0, coarse)
        else:
            found = columns.mixed(np.zeros((1, 1)), np.zeros(1), coarse)
        room = Fraction(found.offset_size[0])
        assert room == (Fraction(2) ** -126 if coarse > 1 else 0)
        assert coarse == 1 or room * coarse / 2**53 >= smallest
