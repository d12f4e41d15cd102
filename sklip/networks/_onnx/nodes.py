# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What operators read off a node and its inputs."""

import numpy as np

from sklip.networks._onnx.values import Affine, Gate

__all__ = ["attributes_of", "axes_of", "constant_of", "depends", "float64"]


def attributes_of(node):
    """Attributes of a node by name."""
    import onnx

    return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}


def axes_of(node, values, at=1):
    """Axes, an attribute in old operator sets and an input in new ones."""
    if len(values) > at and values[at] is not None:
        return [int(a) for a in np.ravel(values[at])]
    return list(attributes_of(node).get("axes", []))


def float64(value):
    return np.asarray(value, dtype=np.float64)


def constant_of(reader, node, value):
    """A constant operand in float64; refused if it depends on the input."""
    if isinstance(value, Affine | Gate):
        raise reader.refusal(node, "of two tensors that both depend on the input")
    return float64(value)


def depends(value):
    """Whether a value depends on the input of the graph."""
    return isinstance(value, Affine | Gate)
