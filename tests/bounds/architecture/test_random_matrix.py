# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The edge of the spectrum against closed forms, simulation and its own symmetries.

Also tests of ``bounds/_architecture/mean_field.py``.
"""

import numpy as np
import pytest
from scipy.stats import chi

from sklip.bounds import expected_lipschitz
from sklip.bounds._architecture.mean_field import Architecture, normal_expectation_rule
from sklip.bounds._architecture.random_matrix import (
    asymptotic_log_edge,
    expected_log_norm,
)
from sklip.networks import get_activation, list_activations, random_network


def architecture(sizes, activation="relu", gain=1.0):
    return Architecture(sizes, gain, activation, 1.0)


def masked_product_norms(sizes, n_draws, rng):
    """Norms of ReLU Jacobians: Gaussian matrices with half of the units switched off.

    Flipping the signs of a unit's weights shows that the law of J is exactly this.
    """
    norms = []
    for _ in range(n_draws):
        product = np.eye(sizes[-1])
        for n_in, n_out in zip(sizes[-2::-1], sizes[:0:-1], strict=True):
            std = np.sqrt(2.0 / (n_in + n_out))
            product = product @ rng.standard_normal((n_out, n_in)) * std
            if n_in != sizes[0] or product.shape[1] != sizes[0]:
                product = product * (rng.random(n_in) < 0.5)
        norms.append(np.linalg.norm(product, 2))
    return np.array(norms)


def test_the_asymptotic_edge_of_one_matrix_is_bai_yin():
    n, m = 300, 70
    edge = np.exp(asymptotic_log_edge(architecture([n, m])))
    assert edge == pytest.approx(np.sqrt(2.0 / (n + m)) * (np.sqrt(n) + np.sqrt(m)))


def test_a_wide_linear_layer_multiplies_by_its_root():
    # 1 + u n / d with d -> infinity: nothing but the variance is left of that layer.
    n, m, d = 40, 20, 10**9
    edge = np.exp(asymptotic_log_edge(architecture([n, d, m], "identity")))
    std = np.sqrt(2.0 / (n + d) * 2.0 / (d + m) * d)
    assert edge == pytest.approx(std * (np.sqrt(n) + np.sqrt(m)), rel=1e-4)


def test_the_relu_edge_is_that_of_half_the_units():
    n, m, d = 784, 10, 256
    by_relu = asymptotic_log_edge(architecture([n, d, d, m]))
    w = np.exp(np.linspace(-3, 8, 200001))
    log_f = np.log((n + w) * (m + w) / w * (d / 2 + w) ** 2)
    variances = np.log(2.0 / np.array([n + d, 2 * d, d + m])).sum()
    assert by_relu == pytest.approx(0.5 * (log_f.min() + variances), abs=1e-8)


@pytest.mark.parametrize("n", [20, 100, 1000])
def test_a_single_row_has_the_norm_of_a_chi_variable(n):
    exact = chi(n).mean() * np.sqrt(2.0 / (n + 1))
    assert np.exp(expected_log_norm(architecture([n, 1]))) == pytest.approx(
        exact, rel=0.025
    )


@pytest.mark.parametrize("shape", [(784, 10), (50, 50), (200, 3)])
def test_one_gaussian_matrix(shape):
    rng = np.random.default_rng(0)
    std = np.sqrt(2.0 / sum(shape))
    norms = [
        np.linalg.norm(std * rng.standard_normal(shape[::-1]), 2) for _ in range(60)
    ]
    found = float(expected_lipschitz(shape))
    assert found == pytest.approx(np.mean(norms), rel=0.012)


@pytest.mark.parametrize("m", [1, 10, 60])
@pytest.mark.parametrize("d, depth, tolerance", [(128, 4, 0.05), (32, 8, 0.2)])
def test_relu_products_of_finite_width(m, d, depth, tolerance):
    sizes = [200] + [d] * (depth - 1) + [m]
    norms = masked_product_norms(sizes, 400, np.random.default_rng(1))
    error = norms.std() / np.sqrt(len(norms)) / norms.mean()
    found = float(expected_lipschitz(sizes))
    assert abs(found / norms.mean() - 1.0) < tolerance + 3.0 * error
    # What the corrections are for: the bare edge is off by much more.
    if d == 32:
        edge = np.exp(asymptotic_log_edge(architecture(sizes)))
        assert edge / norms.mean() - 1.0 > 0.3


@pytest.mark.parametrize(
    "name", sorted({*list_activations(), "leaky_relu(0.3)", "elu(0.5)"})
)
def test_every_activation_near_the_measured_norm(name):
    sizes = [100, 128, 128, 10]
    rng = np.random.default_rng(0)
    norms = []
    for seed in range(40):
        network = random_network(sizes, activation=name, gain=1.5, random_state=seed)
        jacobians = network.jacobian(rng.standard_normal((1, 100)))
        norms.append(np.linalg.norm(jacobians[0], 2))
    found = float(expected_lipschitz(sizes, activation=name, gain=1.5))
    assert found == pytest.approx(np.mean(norms), rel=0.08)


@pytest.mark.parametrize("name", ["relu", "tanh", "gelu"])
def test_the_edge_does_not_know_the_direction(name):
    # J and its transpose have one norm: with equal slopes the sizes may be reversed.
    sizes = [100, 60, 30, 10] if name == "relu" else [64, 20, 64]
    forward = expected_log_norm(architecture(sizes, name))
    backward = expected_log_norm(architecture(sizes[::-1], name))
    assert forward == pytest.approx(backward, abs=1e-9)


@pytest.mark.parametrize("scale", [1e-6, 0.3, 1.0, 7.0, 1e6])
def test_quadrature_of_normal_expectations(scale):
    nodes, weights = normal_expectation_rule(scale)
    assert weights.sum() == pytest.approx(1.0, abs=1e-14)
    assert weights @ nodes**2 == pytest.approx(scale**2, rel=1e-10, abs=0)
    assert weights @ nodes**4 == pytest.approx(3.0 * scale**4, rel=1e-10, abs=0)
    assert weights @ (nodes > 0) == pytest.approx(0.5, abs=1e-14)
    hardswish = get_activation("hardswish").derivative(nodes)
    assert weights @ hardswish == pytest.approx(0.5, abs=1e-12)
