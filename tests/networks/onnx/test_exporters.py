# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What torch's own exporter writes is the module: elementwise.py, shapes.py."""

import io

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from sklip.exceptions import UnsupportedModelError
from sklip.networks import FeedForward

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

ACTIVATIONS = [
    nn.ReLU(),
    nn.LeakyReLU(0.25),
    nn.ELU(0.5),
    nn.CELU(0.5),
    nn.SELU(),
    nn.GELU(),
    nn.GELU(approximate="tanh"),
    nn.Mish(),
    nn.SiLU(),
    nn.Hardswish(),
    nn.Hardsigmoid(),
    nn.Hardtanh(-0.5, 2.0),
    nn.ReLU6(),
    nn.Softplus(),
    nn.Sigmoid(),
    nn.Tanh(),
    nn.PReLU(5),
    nn.PReLU(),
]


def exported(module, opset):
    buffer, x = io.BytesIO(), torch.zeros(1, 2, 3, dtype=torch.float64)
    # The newer exporter needs a package more.
    torch.onnx.export(module, (x,), buffer, dynamo=False, opset_version=opset)
    return buffer.getvalue()


class Scaled(nn.Module):
    """What a forward of one's own does to a table."""

    def __init__(self, activation):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.last = nn.Linear(6, 5), nn.Linear(5, 2)
        self.norm, self.activation = nn.BatchNorm1d(5), activation

    def forward(self, x):
        x = (x.reshape(x.size(0), -1) - 0.5) / 2.0
        z = torch.cat([self.norm(self.first(x))[:, 2:], self.first(x)[:, :2]], dim=1)
        return self.last(self.activation(z)).squeeze(0)


@pytest.mark.parametrize("opset", [13, 17, 20])
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda a: type(a).__name__)
def test_modules(activation, opset):
    module = Scaled(activation).eval().double()
    network = FeedForward.from_onnx(exported(module, opset))
    x = 2.0 * torch.randn(20, 2, 3, dtype=torch.float64)
    with torch.no_grad():
        expected = np.stack([module(row[None]).numpy() for row in x])
    # Attributes are single precision in every ONNX model.
    found = network.forward(x.reshape(20, 6).numpy())
    np.testing.assert_allclose(found, expected, 1e-6, 1e-6)


def test_external_data(tmp_path):
    module = Scaled(nn.ReLU()).eval().double()
    model = onnx.load_from_string(exported(module, 17))
    expected = FeedForward.from_onnx(model).hash
    onnx.save_model(
        model, tmp_path / "net.onnx", save_as_external_data=True, size_threshold=0
    )
    assert FeedForward.from_onnx(tmp_path / "net.onnx").hash == expected


@pytest.mark.parametrize("layer", [nn.LogSigmoid(), nn.Softsign(), nn.Softmax(dim=1)])
def test_other_layers_are_refused(layer):
    module = Scaled(layer).eval().double()
    with pytest.raises(UnsupportedModelError, match="operator (Log|Div|Softmax)"):
        FeedForward.from_onnx(exported(module, 17))


def test_an_operator_that_cannot_be_computed_is_named():
    text = """<ir_version: 9, opset_import: ["" : 20]>
    g (double[1, 6] x) => (double[N] y) {
        axis = Constant<value = int64[1] {1}>() y = Squeeze(x, axis) }"""
    with pytest.raises(ValueError, match="operator Squeeze .* cannot be computed"):
        FeedForward.from_onnx(onnx.parser.parse_model(text))
