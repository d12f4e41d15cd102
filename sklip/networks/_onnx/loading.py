# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""How an ONNX model is loaded, and what its input is declared to be."""

import os
import sys

import numpy as np

from sklip.exceptions import UnsupportedModelError
from sklip.networks._onnx.functions import is_own_function

__all__ = ["declared_shape", "import_onnx", "is_onnx_model", "load_graph"]


def load_graph(model):
    """The graph of a model, and the names of sklip's own functions in it.

    Parameters
    ----------
    model : str, path-like, bytes or onnx.ModelProto
        As for :func:`read_graph`.

    Returns
    -------
    graph : onnx.GraphProto
        All functions but those inlined.
    own_functions : set of str
        Names of those.
    """
    loaded, own = _known_functions(_load(model))
    return loaded.graph, own


def _load(model):
    onnx = import_onnx()
    if isinstance(model, onnx.ModelProto):
        return model
    if not isinstance(model, str | bytes | os.PathLike):
        raise TypeError(
            "model must be a path, bytes or an onnx.ModelProto, got "
            f"{type(model).__name__}."
        )
    # protobuf's DecodeError, whose package may be any of several.
    try:
        if isinstance(model, bytes):
            loaded = onnx.load_model_from_string(model)
        else:
            loaded = onnx.load_model(os.fspath(model))
    except OSError:
        raise
    except Exception as error:
        raise ValueError(f"This is no ONNX model: {error}") from error
    if not loaded.graph.output:
        raise ValueError("This is no ONNX model: its graph has no output.")
    return loaded


def is_onnx_model(model):
    """Whether a model is an ONNX model, or the name of a file of one."""
    if isinstance(model, str | os.PathLike):
        return os.fspath(model).endswith(".onnx")
    # Whoever holds one has imported onnx.
    onnx = sys.modules.get("onnx")
    return onnx is not None and isinstance(model, onnx.ModelProto)


def _known_functions(model):
    """The model with all functions inlined but sklip's own, and the names of those."""
    own = [f for f in model.functions if is_own_function(f)]
    if len(own) < len(model.functions):
        import onnx.inliner

        kept = [(f.domain, f.name) for f in own]
        model = onnx.inliner.inline_selected_functions(model, kept, exclude=True)
    return model, {f.name for f in own}


def import_onnx(what="Reading"):
    """The package onnx, or an ImportError that says how to get it."""
    try:
        import onnx
        import onnx.numpy_helper
    except ImportError as error:
        raise ImportError(
            f"{what} ONNX needs the package onnx: pip install onnx onnxruntime."
        ) from error
    return onnx


def declared_shape(value, most=np.inf):
    """Declared shape of an input; an unknown first axis counts as one."""
    dims = [d.dim_value for d in value.type.tensor_type.shape.dim]
    if not value.type.tensor_type.HasField("shape"):
        raise ValueError(f"The shape of the input {value.name!r} is not declared.")
    if any(d <= 0 for d in dims[1:]):
        raise ValueError(
            f"Only the first axis of the input {value.name!r} may have an unknown "
            f"length, its shape is {dims} (0 where unknown)."
        )
    shape = tuple(max(d, 1) for d in dims)
    if np.prod(shape) > most:
        raise UnsupportedModelError(
            f"The input {value.name!r} has {np.prod(shape)} entries, a fully connected "
            f"network at most {most}. Load it as a torch module."
        )
    return shape
