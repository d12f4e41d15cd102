# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Path norms: closed forms, order, and a proof that is checked independently."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklip.bounds import (
    check_certificate,
    lipschitz_bound,
    product_bound,
)
from sklip.bounds._check import certificate_seal
from sklip.networks import FeedForward, list_activations, random_network


def path_bound(network, norm=np.inf):
    """Sealed, so that it can be verified."""
    return lipschitz_bound(network, method="path", norm=norm)


NORMS = [1, 2, np.inf]
ACTIVATIONS = [*list_activations(), "leaky_relu(0.3)", "leaky_relu(-2.0)", "elu(1.7)"]


def plain_path_matrix(network):
    """|W_l| b ... b |W_0|."""
    product = np.abs(network.weights[0])
    for w, activation in zip(network.weights[1:], network.activations, strict=True):
        product = activation.lipschitz * (np.abs(w) @ product)
    return product


def all_sign_terms(network):
    """The matrix F by multiplying out every choice of m or r, one by one."""
    total = 0.0
    sectors = [activation.sector for activation in network.activations]
    for cuts in np.ndindex(*[2] * len(sectors)):
        product, run = np.eye(network.n_inputs), network.weights[0]
        for w, (a, b), cut in zip(network.weights[1:], sectors, cuts, strict=True):
            if cut:
                product, run = 0.5 * (b - a) * np.abs(run) @ product, w
            else:
                run = 0.5 * (a + b) * w @ run
        total = total + np.abs(run) @ product
    return total


@pytest.mark.parametrize("norm", [1, np.inf])
@pytest.mark.parametrize("sizes", [[3, 2], [3, 8, 2], [4, 9, 7, 5, 3]])
def test_exact_for_nonnegative_weights(norm, sizes):
    """All neurons can be active at once, and then the Jacobian is the product."""
    base = random_network(sizes, random_state=0)
    network = FeedForward([np.abs(w) for w in base.weights])
    jacobian = network.jacobian(np.ones((1, sizes[0])))[0]
    exact = np.linalg.norm(jacobian, norm)
    value = path_bound(network, norm).value
    assert exact <= value <= exact * (1 + 1e-10)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_equals_all_terms_multiplied_out(activation):
    network = random_network([4, 6, 5, 7, 3], activation=activation, random_state=0)
    matrix = all_sign_terms(network)
    for norm in (1, np.inf):
        assert_allclose(
            path_bound(network, norm).value, np.linalg.norm(matrix, norm), rtol=1e-10
        )
    geometric = np.sqrt(np.linalg.norm(matrix, 1) * np.linalg.norm(matrix, np.inf))
    assert_allclose(path_bound(network, 2).value, geometric, rtol=1e-10)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("norm", NORMS)
def test_between_jacobians_and_the_plain_norms(norm, activation):
    rng = np.random.default_rng(0)
    for seed in range(5):
        sizes = rng.integers(1, 12, size=rng.integers(2, 6))
        network = random_network(sizes, activation=activation, random_state=seed)
        value = path_bound(network, norm).value
        X = 3.0 * rng.normal(size=(200, sizes[0]))
        jacobians = np.linalg.norm(network.jacobian(X), norm, axis=(1, 2))
        assert jacobians.max() <= value
        matrix = plain_path_matrix(network)
        plain = np.sqrt(np.linalg.norm(matrix, 1) * np.linalg.norm(matrix, np.inf))
        if norm != 2:
            plain = np.linalg.norm(matrix, norm)
            assert value <= product_bound(network, norm) * (1 + 1e-12)
        assert value <= plain * (1 + 1e-12)


@pytest.mark.parametrize("norm", NORMS)
def test_certificates_are_checked_and_changes_found(norm):
    network = random_network([4, 9, 7, 3], activation="gelu", random_state=0)
    certificate = lipschitz_bound(network, method="path", norm=norm)
    assert certificate.method == "path" and certificate.verify(network)
    text = certificate.to_json()
    assert check_certificate(network.weights, text, "gelu")
    assert not check_certificate([1.001 * w for w in network.weights], text, "gelu")
    assert not check_certificate(network.weights, text, "hardswish")
    renamed = text.replace('"path"', '"product"')
    assert not check_certificate(network.weights, renamed, "gelu")
    # Sealed again under the other name it is proven by the product, or not at all.
    fields = json.loads(renamed)
    fields["seal"] = certificate_seal(network.weights, fields)
    is_above = certificate.value >= product_bound(network, norm)
    assert check_certificate(network.weights, fields, "gelu") is is_above


@pytest.mark.parametrize("norm", NORMS)
def test_a_value_that_is_too_small_is_not_proven(norm):
    network = random_network([4, 9, 7, 3], random_state=0)
    fields = dict(vars(path_bound(network, norm)), norm=float(norm))
    for factor, proven in [(1.0, True), (1.0 - 1e-9, False)]:
        value = fields["value"] * factor
        forged = fields | {"value": value}
        forged["seal"] = certificate_seal(network.weights, forged)
        assert check_certificate(network.weights, forged) is proven


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("factor", [-3.0, 2.0**20, 1e-200])
def test_homogeneous_in_every_layer(norm, factor):
    network = random_network([4, 9, 7, 3], random_state=0)
    value = path_bound(network, norm).value
    for k in range(3):
        weights = list(network.weights)
        weights[k] = factor * weights[k]
        scaled = FeedForward(weights)
        certificate = path_bound(scaled, norm)
        assert_allclose(certificate.value, abs(factor) * value, rtol=1e-10)
        assert certificate.verify(scaled)


@pytest.mark.parametrize("norm", [1, np.inf])
def test_identity_layers_are_multiplied_out(norm):
    rng = np.random.default_rng(0)
    w = [rng.normal(size=s) for s in ((5, 3), (6, 5), (2, 6))]
    value = path_bound(FeedForward(w, None, "identity"), norm).value
    assert_allclose(value, np.linalg.norm(w[2] @ w[1] @ w[0], norm), rtol=1e-10)


@pytest.mark.parametrize("norm", [1, np.inf])
def test_auto_is_the_smaller_of_path_and_product(norm):
    for sizes in ([5, 3], [4, 16, 3]):
        network = random_network(sizes, random_state=0)
        values = [
            lipschitz_bound(network, method=m, norm=norm).value
            for m in ("path", "product", "auto")
        ]
        assert values[2] == min(values[:2])


@pytest.mark.parametrize("norm", NORMS)
def test_a_dead_layer_leaves_nothing(norm):
    network = FeedForward([np.ones((3, 2)), np.zeros((2, 3)), np.ones((1, 2))])
    certificate = path_bound(network, norm)
    assert certificate.value < 1e-150
    assert certificate.verify(network)


def test_overflow_is_an_error():
    with pytest.raises(OverflowError, match="rescale"):
        path_bound(FeedForward([[[1e200]], [[1e200]]]))
