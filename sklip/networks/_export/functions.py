# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Functions of numpy in operators that runtimes have in float64."""

import numpy as np

from sklip.exceptions import UnsupportedModelError
from sklip.networks._onnx import exp_minus_one_below

__all__ = ["apply_function", "exp_minus_one", "log_one_plus"]


def exp_minus_one(graph, x):
    """expm1, without losing the digits of small x."""
    near = exp_minus_one_below(graph, graph.add("Min", x, 1.0))
    far = graph.add("Sub", graph.add("Exp", x), 1.0)
    return graph.add("Where", graph.add("Greater", x, 1.0), far, near)


def log_one_plus(graph, x):
    """log1p without losing the digits of small x (Kahan)."""
    u = graph.add("Add", x, 1.0)
    is_one = graph.add("Equal", u, 1.0)
    rest = graph.add("Where", is_one, 1.0, graph.add("Sub", u, 1.0))
    long = graph.add("Mul", x, graph.add("Div", graph.add("Log", u), rest))
    return graph.add("Where", is_one, x, long)


FUNCTIONS = {
    np.abs: lambda graph, x: graph.add("Abs", x),
    np.exp: lambda graph, x: graph.add("Exp", x),
    np.expm1: exp_minus_one,
    np.log: lambda graph, x: graph.add("Log", x),
    np.log1p: log_one_plus,
    np.negative: lambda graph, x: graph.add("Neg", x),
    np.sqrt: lambda graph, x: graph.add("Sqrt", x),
    np.square: lambda graph, x: graph.add("Mul", x, x),
    np.tanh: lambda graph, x: graph.add("Tanh", x),
}


def apply_function(graph, function, arguments, who, x):
    found = FUNCTIONS.get(function) if isinstance(function, np.ufunc) else None
    if found is None or arguments:
        name = getattr(function, "__name__", repr(function))
        known = ", ".join(sorted(f"numpy.{f.__name__}" for f in FUNCTIONS))
        raise UnsupportedModelError(
            f"{who} with the function {name} is not exported to ONNX. Functions that "
            f"are: {known}, without kw_args."
        )
    return found(graph, x)
