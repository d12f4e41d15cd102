# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Operator norms of convolutions and pooling against their dense matrices.

Also tests of ``bounds/_modules/pooling.py``.
"""

import dataclasses
import itertools
from fractions import Fraction

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from sklip.bounds._modules.convolution import Convolution
from sklip.bounds._modules.module_bounds import module_bound
from sklip.bounds._modules.symbol import symbol_norm_bound

CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
pytestmark = pytest.mark.filterwarnings("ignore:Using padding=.same.:UserWarning")

# The bound of the dense matrix needs rounding upward too; LAPACK is that good.
ROUNDING = 1e-12


def dense(module, shape):
    """Matrix of a module's linear part, by applying it to the identity basis."""
    n = int(np.prod(shape))
    basis = torch.cat([torch.zeros(1, n), torch.eye(n)]).double().reshape(-1, *shape)
    with torch.no_grad():
        images = module.double().eval()(basis).reshape(n + 1, -1)
    return (images[1:] - images[0]).T.numpy()


def exact_norms(module, shape):
    matrix = dense(module, shape)
    return {p: np.linalg.norm(matrix, p) for p in (1, 2, np.inf)}


def check(module, shape, tight=None):
    """Bounds with and without the size hold; returns the ratios at norm 2."""
    module.eval()
    exact = exact_norms(module, shape)
    for p, norm in exact.items():
        with_size = module_bound(module, shape, norm=p)
        without = module_bound(module, norm=p)
        assert norm <= with_size * (1 + ROUNDING)
        assert norm <= without * (1 + ROUNDING)
    ratios = [module_bound(module, s) / exact[2] for s in (shape, None)]
    if tight is not None:
        assert ratios[0] <= 1 + tight
    return ratios


def random_convolution(n_axes, seed, **options):
    torch.manual_seed(seed)
    return CONVOLUTIONS[n_axes](**options).double()


ZERO_PADDED = [
    (n_axes, size, options)
    for n_axes, size in [(1, (11,)), (2, (5, 6)), (3, (3, 4, 3))]
    for options in [
        {"kernel_size": 3, "padding": 1},
        {"kernel_size": 3, "stride": 2, "padding": 1},
        {"kernel_size": 3, "stride": 3},
        {"kernel_size": 2, "dilation": 2, "padding": 2},
        {"kernel_size": 2, "stride": 2, "dilation": 2, "padding": 1},
        {"kernel_size": 1, "stride": 2},
        {"kernel_size": 2, "padding": 3},
        {"kernel_size": 2, "padding": "same"},
        {"kernel_size": 3, "padding": 1, "groups": 2},
    ]
]


@pytest.mark.parametrize("n_axes, size, options", ZERO_PADDED)
@pytest.mark.parametrize("force_symbol", [False, True])
def test_zero_padding(n_axes, size, options, force_symbol, monkeypatch):
    monkeypatch.setattr("sklip.bounds._modules.symbol._COARSE_BUDGET", 1e7)
    if force_symbol:
        monkeypatch.setattr("sklip.bounds._modules.convolution._SMALL_MATRIX", 0)
    for seed, (n_in, n_out) in enumerate([(2, 4), (4, 2)]):
        convolution = random_convolution(
            n_axes, seed, in_channels=n_in, out_channels=n_out, **options
        )
        check(convolution, (n_in, *size), tight=None if force_symbol else 1e-10)


CIRCULAR = [
    (1, (12,), {"kernel_size": 3, "padding": 1}),
    (1, (12,), {"kernel_size": 5, "padding": 4, "dilation": 2}),
    (1, (12,), {"kernel_size": 3, "padding": 1, "stride": 2}),
    (1, (12,), {"kernel_size": 4, "padding": "same"}),
    (2, (6, 5), {"kernel_size": 3, "padding": 1}),
    (2, (6, 9), {"kernel_size": 3, "padding": 1, "stride": 3}),
    (2, (6, 6), {"kernel_size": 5, "padding": 2, "groups": 2}),
    (2, (3, 3), {"kernel_size": 5, "padding": 2}),
    (3, (4, 3, 4), {"kernel_size": 3, "padding": 1}),
]


@pytest.mark.parametrize("n_axes, size, options", CIRCULAR)
def test_circular_padding_is_exact(n_axes, size, options, monkeypatch):
    monkeypatch.setattr("sklip.bounds._modules.symbol._COARSE_BUDGET", 1e7)
    for seed, (n_in, n_out) in enumerate([(2, 4), (4, 2)]):
        convolution = random_convolution(
            n_axes,
            seed,
            in_channels=n_in,
            out_channels=n_out,
            padding_mode="circular",
            **options,
        )
        check(convolution, (n_in, *size), tight=1e-10)


@pytest.mark.parametrize("mode", ["circular", "reflect", "replicate"])
@pytest.mark.parametrize(
    "size, options",
    [
        ((5,), {"kernel_size": 3, "padding": 1}),
        ((5,), {"kernel_size": 3, "padding": 4}),
        ((7,), {"kernel_size": 3, "padding": 2, "stride": 2}),
        ((7,), {"kernel_size": 2, "padding": 3, "stride": 3, "dilation": 2}),
        ((8,), {"kernel_size": 3, "stride": 2}),
        ((5, 4), {"kernel_size": 3, "padding": 2, "stride": 2}),
        ((4, 4), {"kernel_size": 1, "padding": 3}),
    ],
)
def test_padding_that_repeats_entries(mode, size, options):
    for seed in range(3):
        convolution = random_convolution(
            len(size),
            seed,
            in_channels=2,
            out_channels=3,
            padding_mode=mode,
            **options,
        )
        check(convolution, (2, *size))
        torch.nn.init.constant_(convolution.weight, 1.0)
        check(convolution, (2, *size))


@pytest.mark.parametrize("n, stride", [(3, 2), (5, 2), (5, 3), (4, 3)])
def test_circular_padding_whose_size_the_stride_does_not_divide(n, stride):
    for seed in range(10):
        convolution = random_convolution(
            1,
            seed,
            in_channels=1,
            out_channels=1,
            kernel_size=3,
            padding=1,
            stride=stride,
            padding_mode="circular",
        )
        check(convolution, (1, n))


def test_zero_padding_is_tight_on_common_images():
    """The circulant operator exceeds the true norm by little; so does the symbol."""
    ratios = []
    for seed in range(4):
        convolution = random_convolution(
            2, seed, in_channels=3, out_channels=4, kernel_size=3, padding=1
        )
        ratios.append(check(convolution, (3, 16, 16)))
    by_matrix = np.max(ratios, axis=0)
    assert by_matrix[0] <= 1.02 and by_matrix[1] <= 1.03


def test_unknown_size_is_the_limit_of_large_sizes():
    convolution = random_convolution(
        1, 0, in_channels=2, out_channels=2, kernel_size=5, padding=2
    )
    limit = module_bound(convolution)
    assert_allclose(exact_norms(convolution, (2, 400))[2], limit, rtol=3e-3)


def brute_symbol(kernel, n=512):
    theta = 2 * np.pi * np.arange(n) / n
    axes = [theta] * (kernel.ndim - 3)
    best = 0.0
    for point in itertools.product(*axes):
        symbol = kernel.astype(complex)
        for angle in point[::-1]:
            symbol = symbol @ np.exp(1j * angle * np.arange(symbol.shape[-1]))
        best = max(best, np.linalg.svd(symbol, compute_uv=False).max())
    return best


@pytest.mark.parametrize("n_taps", [1, 2, 3, 6, 9])
def test_supremum_of_the_symbol(n_taps):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        kernel = rng.normal(size=(2, 2, 3, n_taps))
        bound, found = symbol_norm_bound(kernel, (None,)), brute_symbol(kernel)
        assert found <= bound <= found * 1.01


def test_coarse_grid_still_bounds(monkeypatch):
    monkeypatch.setattr("sklip.bounds._modules.symbol._EXACT_BUDGET", 0.0)
    monkeypatch.setattr("sklip.bounds._modules.symbol._COARSE_BUDGET", 0.0)
    for seed in range(5):
        kernel = np.random.default_rng(seed).normal(size=(1, 3, 3, 4))
        for size in (None, 1000):
            bound, found = symbol_norm_bound(kernel, (size,)), brute_symbol(kernel)
            assert found <= bound <= found * 1.1


@pytest.mark.parametrize("exponent", [-900, -300, 0, 300, 900])
def test_symbol_norm_scales_with_powers_of_two(exponent):
    kernel = np.random.default_rng(0).normal(size=(1, 3, 3, 3))
    bound = symbol_norm_bound(np.ldexp(kernel, exponent), (8,))
    assert_allclose(bound, np.ldexp(symbol_norm_bound(kernel, (8,)), exponent), 1e-14)


def test_many_frequencies_near_the_maximum():
    """An orthogonal kernel: every frequency has the same norm."""
    q = np.linalg.qr(np.random.default_rng(0).normal(size=(24, 24)))[0]
    kernel = np.zeros((1, 24, 24, 3, 3))
    kernel[0, :, :, 1, 2] = q
    bound = symbol_norm_bound(kernel, (17, 16))
    assert 1.0 - 1e-14 <= bound <= 1.0 + 1e-11


def test_proof_does_not_rest_on_the_guess(monkeypatch):
    """The frequencies tried first are those with the smallest norms."""
    worst = lambda grams: -torch.linalg.matrix_norm(grams)  # noqa: E731
    kernel = np.random.default_rng(0).normal(size=(1, 3, 5, 4))
    bound = symbol_norm_bound(kernel, (64,))
    monkeypatch.setattr("sklip.bounds._modules.symbol._power_estimates", worst)
    assert brute_symbol(kernel, 64) <= symbol_norm_bound(kernel, (64,))
    assert_allclose(symbol_norm_bound(kernel, (64,)), bound, rtol=1e-6)


def test_symbol_at_60_digits():
    mpmath = pytest.importorskip("mpmath")
    for seed in range(10):
        taps = np.random.default_rng(seed).normal(size=(1, 1, 1, 7))
        with mpmath.workdps(60):
            exact = max(
                abs(
                    sum(
                        mpmath.mpf(float(k)) * mpmath.expjpi(mpmath.mpf(2 * j * q) / 11)
                        for q, k in enumerate(taps.ravel())
                    )
                )
                for j in range(11)
            )
            bound = mpmath.mpf(symbol_norm_bound(taps, (11,)))
            assert exact <= bound <= exact * (1 + mpmath.mpf("1e-12"))


POOLS = [
    (nn.AvgPool1d(3), (2, 9)),
    (nn.AvgPool1d(3, stride=1, padding=1), (2, 9)),
    (nn.AvgPool1d(3, 2, 1, ceil_mode=True), (2, 8)),
    (nn.AvgPool1d(3, 2, 1, ceil_mode=True, count_include_pad=False), (1, 8)),
    (nn.AvgPool1d(4, 1, 2, count_include_pad=False), (1, 4)),
    (nn.AvgPool1d(4, 2, ceil_mode=True), (1, 3)),
    (nn.AvgPool2d(2), (2, 6, 4)),
    (nn.AvgPool2d(3, 1, 1, count_include_pad=False), (1, 5, 6)),
    (nn.AvgPool2d((2, 3), (3, 1), ceil_mode=True), (1, 5, 6)),
    (nn.AvgPool2d(3, 2, divisor_override=2), (1, 7, 7)),
    (nn.AvgPool2d(2, divisor_override=-3), (1, 6, 6)),
    (nn.AvgPool3d(2, 1), (1, 3, 4, 3)),
    (nn.AdaptiveAvgPool1d(4), (1, 7)),
    (nn.AdaptiveAvgPool1d(9), (1, 4)),
    (nn.AdaptiveAvgPool2d((2, None)), (1, 5, 3)),
    (nn.AdaptiveAvgPool3d(1), (2, 3, 2, 2)),
]


@pytest.mark.parametrize("pool, shape", POOLS, ids=lambda value: str(value))
def test_average_pooling_is_exact(pool, shape):
    exact = exact_norms(pool, shape)
    for p, norm in exact.items():
        assert norm <= module_bound(pool, shape, norm=p) * (1 + ROUNDING)
        assert_allclose(module_bound(pool, shape, norm=p), norm, 1e-10)
        if "Adaptive" not in type(pool).__name__ or pool.output_size == 1:
            assert norm <= module_bound(pool, norm=p) * (1 + ROUNDING)


@pytest.mark.parametrize(
    "pool, shape",
    [
        (nn.MaxPool1d(3), (1, 9)),
        (nn.MaxPool1d(3, 1, 1), (1, 9)),
        (nn.MaxPool1d(3, 2, 1, dilation=2), (1, 11)),
        (nn.MaxPool1d(4, 2, dilation=2), (1, 11)),
        (nn.MaxPool2d(3, 2, 1), (1, 7, 6)),
        (nn.MaxPool2d(2, 2, ceil_mode=True), (1, 5, 5)),
        (nn.MaxPool3d(2, 1), (1, 3, 3, 3)),
        (nn.AdaptiveMaxPool1d(4), (1, 6)),
        (nn.AdaptiveMaxPool2d((3, 2)), (1, 4, 5)),
    ],
    ids=str,
)
def test_max_pooling_is_reached_by_one_peak(pool, shape):
    """One entry above all others passes into every window that holds it."""
    n = int(np.prod(shape))
    peaks = pool(torch.eye(n).reshape(n, *shape).double()).reshape(n, -1)
    for p in (1, 2, np.inf):
        # From zero, a single 1 travels as far as any Lipschitz constant allows.
        found = torch.linalg.vector_norm(peaks, p, dim=1).max().item()
        assert_allclose(module_bound(pool, shape, norm=p), found, 1e-12)
        if "Adaptive" not in type(pool).__name__:
            assert module_bound(pool, norm=p) >= found * (1 - ROUNDING)


def test_sizes_of_pooled_images():
    """A last window that would begin in the padding is left out."""
    for pool, n in [
        (nn.AvgPool1d(1, 3, ceil_mode=True), 5),
        (nn.MaxPool1d(2, 3, ceil_mode=True), 7),
        (nn.MaxPool1d(3, 2, 1), 6),
        (nn.AvgPool1d(3, 2, 1, ceil_mode=True), 6),
    ]:
        n_out = pool(torch.zeros(1, 1, n)).numel()
        module = nn.Sequential(pool, nn.Flatten(), nn.Linear(n_out, 1))
        assert module_bound(module, (1, n)) > 0.0


def test_too_small_inputs_are_refused():
    with pytest.raises(ValueError, match="input_shape is too small"):
        module_bound(nn.Conv1d(1, 1, 5), (1, 3))
    with pytest.raises(ValueError, match="input_shape is too small"):
        module_bound(nn.MaxPool1d(5), (1, 3))


@pytest.mark.parametrize("norm", [1, 2, np.inf])
@pytest.mark.parametrize("size", [(6,), (None,)], ids=["known", "unknown"])
@pytest.mark.parametrize("mode", ["zeros", "circular"])
def test_rounded_taps_may_be_as_much_larger_as_they_say(norm, size, mode):
    """All of them, which are positive: the norm grows by the same share."""
    rng = np.random.default_rng(0)
    kernel = rng.uniform(0.5, 1.0, (2, 3, 3))
    exact = Convolution(kernel, size, (1,), (1,), ((1, 1),), mode=mode)
    rounded = dataclasses.replace(exact, roundings=2**30)
    share = Fraction(2**30) * Fraction(2.0**-53)
    grown = Fraction(rounded.norm_bound(norm)) / Fraction(exact.norm_bound(norm))
    assert 1 + share * Fraction(0.999) <= grown <= 1 + 10 * share


def test_remembered_norms_are_of_one_convolution_alone():
    kernel = np.random.default_rng(0).normal(size=(2, 2, 3))
    plain = Convolution(kernel, (7,), (1,), (1,), ((1, 1),))
    others = [
        {"kernel": kernel[:, ::-1]},
        {"kernel": kernel.reshape(3, 2, 2)},
        {"size": (4,)},
        {"size": (None,)},
        {"stride": (2,)},
        {"dilation": (2,)},
        {"padding": ((0, 2),)},
        {"padding": ((0, 0),)},
        {"groups": 2},
        {"mode": "circular"},
        {"roundings": 10**12},
    ]
    every = [plain, *(dataclasses.replace(plain, **change) for change in others)]
    fresh = [convolution._norm_bound(2.0) for convolution in every]
    assert [convolution.norm_bound(2.0) for convolution in every] == fresh
    assert [convolution.norm_bound(2.0) for convolution in every] == fresh
    assert len(set(fresh)) >= len(every) - 2
