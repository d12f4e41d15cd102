# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The ledger of roundings: each allowance in exact rational arithmetic.

Also tests of ``bounds/_propagation/lines.py``.
"""

from fractions import Fraction
from types import SimpleNamespace

import pytest
import torch

from sklip._floats import FLOOR, UNIT
from sklip.bounds import Propagation
from sklip.bounds._propagation import bounds as over_intervals
from sklip.bounds._propagation import linear
from sklip.networks import FeedForward

# Sizes of three layers: every term of an allowance is the largest in one of them.
LAYERS = [
    {"spectral": 3.0, "frobenius": 2.0**40, "bias_norm": 0.0, "underflow": 0.0},
    {"spectral": 0.0, "frobenius": 0.0, "bias_norm": 2.0**30, "underflow": 0.0},
    {"spectral": 0.0, "frobenius": 0.0, "bias_norm": 0.0, "underflow": 2.0**-900},
]
SLOPE, GAMMA = 1.25, 2.0**-48


def scalar(value):
    return torch.tensor([[value]], dtype=torch.float64)


def layer_of(sizes):
    shape = SimpleNamespace(lipschitz=SLOPE)
    gammas = {"gamma_in": GAMMA, "gamma_out": GAMMA}
    return SimpleNamespace(**sizes, **gammas, shape=shape)


def assert_just_above(found, exact, room=1e-12):
    """No smaller than a fraction but for the roundings of a few operations."""
    found = Fraction(float(found))
    assert exact * (1 - Fraction(2) ** -48) <= found <= exact * (1 + Fraction(room))


@pytest.mark.parametrize("sizes", LAYERS)
@pytest.mark.parametrize("norm, inputs", [(0.0, 0.0), (2.0**-20, 8.0), (5.0, 0.0)])
def test_what_a_product_with_a_matrix_loses(sizes, norm, inputs):
    layer = layer_of(sizes)
    entering = SimpleNamespace(outputs=scalar(inputs))
    after, lost = linear._affine_losses(layer, scalar(norm), entering)
    n, s, g = (
        Fraction(norm),
        {k: Fraction(v) for k, v in sizes.items()},
        Fraction(GAMMA),
    )
    products = s["frobenius"] * Fraction(inputs) + s["bias_norm"]
    assert_just_above(lost, g * n * products + s["underflow"] * (Fraction(inputs) + 1))
    growth = s["spectral"] + g * s["frobenius"]
    assert_just_above(after, n * growth + Fraction(FLOOR))


@pytest.mark.parametrize("sizes", LAYERS)
@pytest.mark.parametrize(
    "norm, inputs, offsets", [(0.0, 7.0, 9.0), (6.0, 0.0, 2.0**20)]
)
def test_what_replacing_activations_by_lines_loses(sizes, norm, inputs, offsets):
    entering = SimpleNamespace(inputs=scalar(inputs), offsets=scalar(offsets))
    after, lost = linear._line_losses(layer_of(sizes), scalar(norm), entering)
    n, unit = Fraction(norm), Fraction(UNIT)
    grown = n * Fraction(SLOPE) * (1 + 4 * unit) + Fraction(FLOOR)
    assert_just_above(after, grown)
    exact = Fraction(GAMMA) * n * Fraction(offsets) + Fraction(sizes["underflow"])
    assert_just_above(lost, exact + 4 * unit * grown * Fraction(inputs))


def test_norms_of_what_enters_a_layer_are_rounded_up():
    low, high = (
        torch.tensor([[-3.0, 0.1]]).double(),
        torch.tensor([[1.0, 0.7]]).double(),
    )
    shape = SimpleNamespace(function=lambda z: z - 2.0, lipschitz=SLOPE)
    lines = SimpleNamespace(below=low, above=high)
    layer = SimpleNamespace(shape=shape)
    sizes = linear.layer_sizes(layer, low, high, lines)
    square = Fraction(3) ** 2 + Fraction(high[0, 1].item()) ** 2
    for found in (sizes.inputs, sizes.offsets):
        assert square < Fraction(found.item()) ** 2 < square * Fraction("1.003")
    expected = 2.0 * 2.0**0.5 + SLOPE * sizes.inputs.item()
    assert sizes.outputs.item() == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("losses", ["_affine_losses", "_line_losses"])
def test_every_loss_is_taken_off_the_bound(losses, monkeypatch):
    network = FeedForward([[[1.0]], [[1.0]], [[1.0]]])
    propagation = Propagation(network, 2)
    balls = propagation.balls([[0.5]], [0.25])
    hidden = over_intervals.hidden_bounds(propagation, balls, "crown")
    lines, sizes = over_intervals.all_lines(
        propagation, hidden, over_intervals.parallel_lines
    )

    def lower():
        rows, norms = scalar(1.0)[None], scalar(1.0)
        return linear.linear_lower(propagation, balls, 2, rows, norms, lines, sizes)

    before, plain = lower().item(), getattr(linear, losses)
    assert before == pytest.approx(0.25, rel=1e-12) and before < 0.25

    def costlier(*args):
        norms, lost = plain(*args)
        return norms, lost + 0.125

    monkeypatch.setattr(linear, losses, costlier)
    # Once for each of the two hidden layers.
    assert lower().item() == pytest.approx(0.25 - 1.01 * 2 * 0.125, rel=1e-9)


@pytest.mark.parametrize("norm", [1.0, 2.0**-30])
def test_what_interval_arithmetic_of_the_last_layer_loses(norm):
    """A wide interval through a large weight: nothing is lost but the roundings."""
    network = FeedForward([[[1.0]], [[2.0**30]]], [[0.0], [2.0**20]])
    propagation = Propagation(network, 2)
    balls = propagation.balls([[64.0]], [32.0])
    hidden = over_intervals.hidden_bounds(propagation, balls, "ibp")
    found = over_intervals._interval_lower(
        propagation, hidden, scalar(norm)[None], scalar(norm)
    ).item()
    least = norm * (32.0 * 2.0**30 + 2.0**20)
    layer = propagation.layers[-1]
    size = norm * (2.0**30 * 96.0 + 2.0**20)
    lost = 1.01 * (layer.gamma_in + layer.gamma_out) * size
    assert least - 1.1 * lost - 1e-14 * least < found < least - 0.9 * lost
