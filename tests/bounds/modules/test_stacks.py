# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""FeedForward.from_torch: what is no module, no stack, or of no known width.

Also tests of ``bounds/_modules/as_network.py``.
"""

import numpy as np
import pytest
import torch
from torch import nn

from sklip import FeedForward
from sklip.bounds._modules.stacks import exact_stack
from sklip.exceptions import UnsupportedModelError


@pytest.mark.parametrize(
    "bad", [3, "net", None, [], nn.Linear, torch.zeros(2)], ids=str
)
def test_what_is_no_module_is_refused(bad):
    with pytest.raises(UnsupportedModelError, match="torch.nn.Module is needed"):
        FeedForward.from_torch(bad)


@pytest.mark.parametrize("shape", ["a", (0,), (True,), (-2,), (1.5,), 3])
def test_shapes_are_refused_by_name(shape):
    with pytest.raises(ValueError, match="input_shape"):
        FeedForward.from_torch(nn.Linear(3, 2).double().eval(), shape)


def test_a_width_must_be_told():
    module = nn.Sequential(nn.Flatten(), nn.ReLU()).eval()
    with pytest.raises(ValueError, match="give input_shape"):
        FeedForward.from_torch(module)
    network = FeedForward.from_torch(module, (3,))
    X = np.linspace(-1.0, 1.0, 12).reshape(4, 3)
    np.testing.assert_array_equal(network.forward(X), np.maximum(X, 0.0))


def test_an_exact_stack_has_the_matrices_of_the_module_or_is_none():
    layers = [nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)]
    network = exact_stack(nn.Sequential(*layers).eval(), (2, 2))
    for weight, layer in zip(network.weights, layers[1::2], strict=True):
        np.testing.assert_array_equal(weight, layer.weight.detach().numpy())
    # A layer that another one takes in, one that is no matrix, a shape that fits none.
    for other in (nn.BatchNorm1d(4), nn.Conv1d(1, 1, 2), nn.Linear(5, 3)):
        module = nn.Sequential(layers[0], other, *layers[2:]).eval()
        assert exact_stack(module, (2, 2)) is None
