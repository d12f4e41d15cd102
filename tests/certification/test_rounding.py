# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The bound of the forward pass's rounding, against 50 digits."""

import numpy as np
import pytest
from mpmath import mp, mpf
from numpy.testing import assert_allclose

from sklip.certification._pairs import norm_ratio
from sklip.certification._rounding import forward_error
from sklip.networks import FeedForward, random_network

EXACT = {
    "relu": lambda z: z if z > 0 else mpf(0),
    "tanh": mp.tanh,
    "logistic": lambda z: 1 / (1 + mp.exp(-z)),
    "softplus": lambda z: mp.log(1 + mp.exp(z)),
    "elu(2.0)": lambda z: z if z > 0 else 2 * mp.expm1(z),
    "silu": lambda z: z / (1 + mp.exp(-z)),
    "gelu": lambda z: z * (1 + mp.erf(z / mp.sqrt(2))) / 2,
    "mish": lambda z: z * mp.tanh(mp.log(1 + mp.exp(z))),
}


def _exact_forward(network, x, activation):
    with mp.workdps(50):
        a = [mpf(float(v)) for v in x]
        for k, (w, b) in enumerate(zip(network.weights, network.biases, strict=True)):
            z = [
                mp.fdot([mpf(float(v)) for v in row], a) + mpf(float(c))
                for row, c in zip(w, b, strict=True)
            ]
            a = (
                z
                if k == len(network.weights) - 1
                else [EXACT[activation](v) for v in z]
            )
        return a


@pytest.mark.parametrize("activation", sorted(EXACT))
@pytest.mark.parametrize("scale", [1.0, 1e6])
def test_error_is_never_below_the_truth(activation, scale):
    network = random_network(
        (4, 9, 7, 3), activation=activation, gain=3.0, random_state=1
    )
    X = scale * np.random.default_rng(0).normal(size=(6, 4))
    error, growth = forward_error(network, X)
    # Samples are also within reach of one another: the growth covers that.
    reach = np.linalg.norm(X - X[0], axis=1)
    computed = network.forward(X)
    for i in range(len(X)):
        exact = _exact_forward(network, X[i], activation)
        with mp.workdps(50):
            true = mp.sqrt(
                sum(
                    (mpf(float(c)) - e) ** 2
                    for c, e in zip(computed[i], exact, strict=True)
                )
            )
        assert true <= error[i]
        assert true <= error[0] + growth * reach[i]
    assert np.all(error <= 1e-11 * np.maximum(1.0, np.linalg.norm(X, axis=1)))


def test_error_at_a_point_is_covered_from_afar():
    network = random_network((4, 9, 7, 3), activation="gelu", gain=3.0, random_state=1)
    X = np.random.default_rng(0).normal(size=(25, 4)) * 10.0 ** np.arange(25)[:, None]
    error, growth = forward_error(network, X)
    far = error[0] + growth * np.linalg.norm(X - X[0], axis=1)
    assert np.all(error <= far)


def test_growth_keeps_up_with_the_fastest_network():
    # Equal positive weights and inputs: every layer reaches its norm.
    network = FeedForward([np.ones((4, 4))] * 4)
    X = np.ones((20, 4)) * 10.0 ** np.arange(20)[:, None]
    error, growth = forward_error(network, X)
    far = error[0] + growth * np.linalg.norm(X - X[0], axis=1)
    assert np.all(error <= far)
    assert_allclose(error, far, rtol=0.1)


@pytest.mark.parametrize("p", [1, 2, np.inf])
@pytest.mark.parametrize("q", [1, 2, np.inf])
def test_norm_ratio_is_attained_and_never_exceeded(p, q):
    n = 7
    ratio = norm_ratio(p, q, n)
    rng = np.random.default_rng(0)
    draws = np.vstack([rng.normal(size=(200, n)), np.ones((1, n)), np.eye(n)])
    quotients = np.linalg.norm(draws, p, axis=1) / np.linalg.norm(draws, q, axis=1)
    assert quotients.max() <= ratio * (1 + 1e-12)
    assert quotients.max() >= ratio * (1 - 1e-12)
