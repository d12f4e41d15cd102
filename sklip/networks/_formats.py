# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Models stored in a format of others: how it is told, and what reads it as a network.

Every function takes what is in the table in place of a model.
"""

from sklip.networks._feedforward import FeedForward
from sklip.networks._onnx import is_onnx_model

__all__ = ["FORMATS", "is_stored", "stored_network"]

# Name -> (whether a model is stored in it, what reads it as a FeedForward). The first
# is asked of every model: it must not import what reads the format.
FORMATS = {"ONNX": (is_onnx_model, FeedForward.from_onnx)}


def is_stored(model):
    """Whether a model is stored in one of the formats, or the name of a file of one."""
    return any(knows(model) for knows, _ in FORMATS.values())


def stored_network(model):
    """The network of a model that is stored; anything else as it is."""
    for knows, read in FORMATS.values():
        if knows(model):
            return read(model)
    return model
