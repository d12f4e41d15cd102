# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Every registered activation: derivative, slope sector, extreme arguments."""

import copy
import pickle

import numpy as np
import pytest

from sklip.networks import Activation, get_activation, list_activations

# Torch depends on it through sympy.
mpmath = pytest.importorskip("mpmath")

NAMES = [
    *list_activations(),
    "leaky_relu(0.2)",
    "leaky_relu(1.5)",
    "leaky_relu(-0.5)",
    "elu(0.5)",
    "elu(2.0)",
    "elu(0.0)",
]
KINKS = {
    **dict.fromkeys(["relu", "abs", "leaky_relu", "elu"], [0.0]),
    "hardswish": [-3.0, 3.0],
}
EXTREME = np.array(
    [-1e308, -1e200, -1e100, -1e3, -50.0, 50.0, 1e3, 1e100, 1e200, 1e308]
)


def smooth_grid(activation, radius):
    grid = np.linspace(-30.0, 30.0, 4001)
    for kink in KINKS.get(activation.family, []):
        grid = grid[np.abs(grid - kink) > 2 * radius]
    return grid


@pytest.mark.parametrize("name", NAMES)
def test_derivative_matches_finite_differences(name):
    activation, h = get_activation(name), 1e-5
    z = smooth_grid(activation, h)
    slope = (activation.function(z + h) - activation.function(z - h)) / (2 * h)
    np.testing.assert_allclose(activation.derivative(z), slope, atol=2e-9)


@pytest.mark.parametrize("name", NAMES)
def test_sector_contains_every_sampled_slope(name):
    activation = get_activation(name)
    alpha, beta = activation.sector
    rng = np.random.default_rng(0)
    a = np.concatenate([rng.normal(0, s, 20000) for s in (0.5, 3.0, 30.0)])
    b = a + rng.normal(0, 1, len(a)) * 10 ** rng.uniform(-3, 2, len(a))
    chord = (activation.function(a) - activation.function(b)) / (a - b)
    rounding = 1e-15 * (1.0 + np.abs(a) + np.abs(b)) / np.abs(a - b)
    assert (chord >= alpha - rounding).all()
    assert (chord <= beta + rounding).all()
    slopes = activation.derivative(a)
    assert ((slopes >= alpha) & (slopes <= beta)).all()


@pytest.mark.parametrize("name", NAMES)
def test_sector_is_attained(name):
    activation = get_activation(name)
    z = np.union1d(np.linspace(-40.0, 40.0, 160001), [np.nextafter(0.0, -1.0)])
    z = np.union1d(z, [np.nextafter(-3.0, 0.0), np.nextafter(3.0, 0.0)])
    slopes = activation.derivative(z)
    alpha, beta = activation.sector
    assert slopes.max() >= beta - 1e-5
    assert slopes.min() <= alpha + 1e-5


def test_abs_is_exact():
    z = np.array([-3.5, -0.0, 0.0, 5e-324, 1e308])
    np.testing.assert_array_equal(get_activation("abs").function(z), np.abs(z))
    assert get_activation("abs").piecewise_linear


def mp_logistic(z):
    return 1 / (1 + mpmath.exp(-z))


MP_FUNCTIONS = {
    "silu": lambda z: z * mp_logistic(z),
    "gelu": lambda z: z * mpmath.ncdf(z),
    "gelu_tanh": lambda z: (
        z
        / 2
        * (1 + mpmath.tanh(mpmath.sqrt(2 / mpmath.pi) * (z + 0.044715 * z * z * z)))
    ),
    "mish": lambda z: z * mpmath.tanh(mpmath.log1p(mpmath.exp(z))),
}


@pytest.mark.parametrize("name", MP_FUNCTIONS)
def test_curved_sector_is_rounded_outward_from_the_true_extremes(name):
    activation, f = get_activation(name), MP_FUNCTIONS[name]
    z = np.linspace(-6.0, 6.0, 120001)
    slopes = activation.derivative(z)
    with mpmath.workdps(40):
        lowest, highest = (
            mpmath.diff(
                f, mpmath.findroot(lambda t: mpmath.diff(f, t, 2), mpmath.mpf(start))
            )
            for start in (z[slopes.argmin()], z[slopes.argmax()])
        )
        alpha, beta = map(mpmath.mpf, activation.sector)
        assert alpha < lowest < alpha + 2e-6
        assert beta - 2e-6 < highest < beta


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("column", [False, True], ids=["contiguous", "strided"])
def test_output_may_be_the_input(name, column):
    activation = get_activation(name)
    z = np.linspace(-8.0, 8.0, 640).reshape(64, 10)
    z = z[:, ::2] if column else z
    expected = activation.function(z.copy())
    other = np.empty_like(z)
    assert activation.function(z, out=other) is other
    np.testing.assert_array_equal(other, expected)
    assert activation.function(z, out=z) is z
    np.testing.assert_array_equal(z, expected)


@pytest.mark.parametrize("name", [n for n in NAMES if n != "leaky_relu(1.5)"])
def test_extreme_arguments_stay_finite_and_silent(name):
    activation = get_activation(name)
    alpha, beta = activation.sector
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        values = activation.function(EXTREME)
        slopes = activation.derivative(EXTREME)
    assert np.isfinite(values).all()
    assert ((slopes >= alpha) & (slopes <= beta)).all()


def test_names_parameters_and_aliases():
    assert get_activation("sigmoid") == get_activation("logistic")
    assert get_activation("leaky_relu(0.01)") == get_activation("leaky_relu")
    assert get_activation("elu(1)").name == "elu(1.0)"
    assert get_activation("elu(2)").family == "elu"
    assert get_activation("leaky_relu(-3)").lipschitz == 3.0
    assert get_activation("leaky_relu(0.1)") != get_activation("leaky_relu(0.2)")
    assert get_activation("tanh").parameter is None


@pytest.mark.parametrize(
    "clone", [copy.deepcopy, lambda a: pickle.loads(pickle.dumps(a))]
)
@pytest.mark.parametrize("name", NAMES)
def test_registry_entries_can_be_copied_and_pickled(clone, name):
    activation = get_activation(name)
    assert isinstance(activation, Activation)
    assert clone(activation) == activation


@pytest.mark.parametrize(
    "name",
    ["swish", "relu(1)", "elu(x)", "elu(nan)", "elu(inf)", "elu(-1)", None, 3, ""],
)
def test_unknown_names_are_refused(name):
    with pytest.raises(ValueError, match="slope sector|parameter of"):
        get_activation(name)
