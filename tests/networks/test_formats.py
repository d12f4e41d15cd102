# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""A format that is added to the table is read wherever a model is taken."""

import numpy as np
import pytest

from sklip import certified_radius, check_certificate, lipschitz_bound, margins
from sklip.bounds import is_bare, view_of
from sklip.networks import FeedForward, network_view, random_network
from sklip.networks._formats import FORMATS


def is_archive(model):
    return isinstance(model, str) and model.endswith(".npz")


def read_archive(path):
    with np.load(path) as arrays:
        weights, biases = (
            [arrays[f"{name}{k}"] for k in range(2)] for name in ("w", "b")
        )
    return FeedForward(weights, biases, "relu")


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """A network, and the name of a file that holds it."""
    network = random_network([3, 8, 4], random_state=0)
    path = str(tmp_path / "network.npz")
    arrays = {f"w{k}": w for k, w in enumerate(network.weights)}
    np.savez(path, **arrays, **{f"b{k}": b for k, b in enumerate(network.biases)})
    monkeypatch.setitem(FORMATS, "archive", (is_archive, read_archive))
    return network, path


def test_a_format_of_the_table_stands_in_for_its_network(archive):
    network, path = archive
    X = np.random.default_rng(0).normal(size=(5, 3))
    assert is_bare(path)
    for view in (network_view(path), view_of(path)):
        np.testing.assert_array_equal(view.network.forward(X), network.forward(X))
    certificate = lipschitz_bound(path, method="sequential")
    assert check_certificate(network.weights, certificate, network.activation)
    for function in (margins, certified_radius):
        np.testing.assert_array_equal(function(path, X), function(network, X))
