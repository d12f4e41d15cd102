# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Activations in numpy, for tensors, as torch modules: their rounding at 40 digits."""

import numpy as np
import pytest
import torch
from mpmath import mp, mpf

from sklip._floats import UNIT
from sklip.bounds._propagation.shapes import shape_of
from sklip.networks import get_activation
from sklip.training._passes import torch_activation


def _gated(gate):
    return lambda z: z * gate(z)


def _tanh_gate(z):
    return (1 + mp.tanh(mp.sqrt(2 / mp.pi) * (z + mpf("0.044715") * z**3))) / 2


EXACT = {
    "identity": lambda z: z,
    "relu": lambda z: max(z, mpf(0)),
    "abs": abs,
    "leaky_relu(0.3)": lambda z: z if z > 0 else mpf(0.3) * z,
    "leaky_relu(-1.5)": lambda z: z if z > 0 else mpf(-1.5) * z,
    "elu(2.5)": lambda z: z if z > 0 else mpf(2.5) * mp.expm1(z),
    "logistic": lambda z: 1 / (1 + mp.exp(-z)),
    "tanh": mp.tanh,
    "softplus": lambda z: mp.log1p(mp.exp(z)),
    "silu": _gated(lambda z: 1 / (1 + mp.exp(-z))),
    "gelu": _gated(lambda z: mp.erfc(-z / mp.sqrt(2)) / 2),
    "gelu_tanh": _gated(_tanh_gate),
    "mish": _gated(lambda z: mp.tanh(mp.log1p(mp.exp(z)))),
    "hardswish": _gated(lambda z: min(max(z + 3, mpf(0)), mpf(6)) / 6),
}
POINTS = np.concatenate(
    [
        np.linspace(-45.0, 45.0, 91) + 1e-3,
        [-110.0, -99.5, -100.5, -40.0, 20.0, np.nextafter(20.0, 21.0), 40.0, 800.0],
        [-750.0, -3.0, 3.0, 1e-9, -1e-9, 1e-300, -1e-300, 0.0, 1e100, -1e100],
        np.random.default_rng(0).normal(size=60),
    ]
)


def _tensor(function):
    return lambda z: function(torch.from_numpy(z)).detach().numpy()


def _implementations(name):
    activation = get_activation(name)
    yield activation.function
    yield _tensor(shape_of(activation).function)
    yield _tensor(torch_activation(name))


@pytest.mark.parametrize("name", EXACT)
def test_values_are_within_the_roundings_allowed(name):
    """16 units of scale * (1 + |z|) wherever one is evaluated, none if it is exact."""
    activation = get_activation(name)
    room = shape_of(activation).error(torch.from_numpy(POINTS)).numpy()
    scale = max(1.0, abs(activation.parameter or 1.0), activation.lipschitz)
    if activation.family in ("identity", "relu", "abs"):
        scale = 0.0
    with mp.workdps(40):
        exact = [EXACT[name](mpf(float(z))) for z in POINTS]
        for evaluate in _implementations(name):
            for z, value, true, extra in zip(
                POINTS, evaluate(POINTS.copy()), exact, room, strict=True
            ):
                error = abs(mpf(float(value)) - true)
                # What forward_error allows, and what linear propagation does.
                assert error <= 16 * UNIT * scale * (1 + abs(z)), (z, value)
                assert error <= extra, (z, value)


@pytest.mark.parametrize("name", EXACT)
def test_slopes_are_within_the_roundings_allowed(name):
    """Away from kinks; at a kink either side will do."""
    activation, shape = get_activation(name), shape_of(get_activation(name))
    kinks = [b for b, _, _ in shape.jumps]
    points = np.array([z for z in POINTS if abs(z) <= 50.0 and z not in kinks])
    points = points[np.abs(points) > 1e-6]
    room = shape.error(torch.from_numpy(points)).numpy() + 4 * UNIT
    low, high = activation.sector
    with mp.workdps(40):
        exact = [mp.diff(EXACT[name], mpf(float(z)), h=mpf(10) ** -15) for z in points]
        for slopes in (
            activation.derivative(points.copy()),
            _tensor(shape.derivative)(points),
        ):
            for z, slope, true, extra in zip(points, slopes, exact, room, strict=True):
                assert abs(mpf(float(slope)) - true) <= extra, z
                assert mpf(low) <= true <= mpf(high)


@pytest.mark.parametrize("name", EXACT)
def test_piecewise_linear_is_what_bends_at_kinks_only(name):
    """Elsewhere three points in a row lie on a line; a hinge has one kink, at 0."""
    shape = shape_of(get_activation(name))
    z = np.linspace(-5.0, 5.0, 1001) + 3e-3
    near = np.zeros(len(z), bool)
    for kink in shape.breakpoints:
        near |= np.abs(z - kink) < 0.03
    bends = np.abs(np.diff([float(EXACT[name](mpf(x))) for x in z], 2)) > 1e-9
    assert shape.is_piecewise_linear == (not bends[~near[1:-1]].any())
    if shape.hinge is not None:
        left, right = shape.hinge
        values = [float(EXACT[name](mpf(x))) for x in z]
        np.testing.assert_allclose(values, np.maximum(left * z, right * z), atol=1e-12)


@pytest.mark.parametrize("name", EXACT)
def test_slopes_on_either_side_of_a_kink(name):
    shape = shape_of(get_activation(name))
    assert {kink for kink, _, _ in shape.jumps} <= set(shape.breakpoints)
    for kink, left, right in shape.jumps:
        around = torch.tensor([kink - 1e-9, kink + 1e-9], dtype=torch.float64)
        found = shape.derivative(around).tolist()
        assert found == pytest.approx([left, right], abs=1e-8)
        assert left != right


@pytest.mark.parametrize("name", EXACT)
def test_far_out_nothing_overflows(name):
    ends = np.array([-1e308, -1e200, 1e200, 1e308])
    low, high = get_activation(name).sector
    for evaluate in _implementations(name):
        values = evaluate(ends.copy())
        assert np.isfinite(values).all() or max(abs(low), abs(high)) > 1.0
        assert not np.isnan(values).any()
