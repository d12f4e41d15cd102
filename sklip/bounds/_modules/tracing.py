# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""A module with a forward of its own, traced by torch.fx into operators.

The traced graph is written as a chain in which sums and concatenations hold the chains
of their branches, each from the last value that all of them come from: what several
branches share stands in each of them, which changes no bound.
"""

import operator
import re
import traceback
from dataclasses import dataclass, field

import torch
from torch import fx

from sklip.bounds._modules.functions import BATCH, FUNCTIONS, METHODS, Call, Unsupported
from sklip.bounds._modules.instead import way_out
from sklip.bounds._modules.trial import check_stand_in
from sklip.exceptions import UnsupportedModelError
from sklip.networks import full_name

__all__ = ["read_traced"]

# Operators beyond which shared branches are not written out.
_MOST_OPERATORS = 5000
_IN_PLACE = {operator.iadd, operator.isub, operator.imul, operator.itruediv}
# What hands on the memory of its input.
_SAME_MEMORY = {
    *("flatten", "view", "reshape", "squeeze", "permute", "transpose", "swap"),
    *("contiguous", "detach", "dropout", "getitem", "split", "chunk"),
}


class _Proxy(fx.Proxy):
    """One that tells ``a += b`` from ``a = a + b``."""

    def _in_place(self, function, other):
        return self.tracer.create_proxy("call_function", function, (self, other), {})

    def __iadd__(self, other):
        return self._in_place(operator.iadd, other)

    def __isub__(self, other):
        return self._in_place(operator.isub, other)

    def __imul__(self, other):
        return self._in_place(operator.imul, other)

    def __itruediv__(self, other):
        return self._in_place(operator.itruediv, other)


class _Tracer(fx.Tracer):
    def __init__(self, is_leaf):
        super().__init__(autowrap_functions=())
        self.is_leaf, self.record_stack_traces = is_leaf, True

    def is_leaf_module(self, module, name):
        return self.is_leaf(module)

    def proxy(self, node):
        return _Proxy(node, self)


@dataclass(eq=False)
class Traced:
    """A value of the traced forward: operators behind another value, or several."""

    parents: tuple = ()  # of Traced: what it is made of; empty for the input
    operators: list = field(default_factory=list)  # behind the only parent
    # callable or None: of several parents: makes an operator of their chains.
    join: object = None
    shape: tuple | None = None  # of one sample; entries that are not known are None

    def __post_init__(self):
        # The chain of values that every path from the input passes.
        self.before = _common(self.parents) if self.parents else None
        self.depth = 0 if self.before is None else self.before.depth + 1

    def behind(self, operators, shape):
        """The same with operators applied."""
        return Traced((self,), list(operators), None, shape)


def _common(values):
    """The last value that all of these come from."""
    first, *others = values
    for other in others:
        while first is not other:
            if first.depth < other.depth:
                other = other.before
            elif first.depth > other.depth:
                first = first.before
            else:
                first, other = first.before, other.before
    return first


def chain_between(start, end):
    """Operators from one value to another that comes from it alone."""
    found, count = [], 0
    while end is not start:
        if end.join is None:
            found.append(end.operators)
        else:
            branches = tuple(tuple(chain_between(end.before, p)) for p in end.parents)
            found.append([end.join(branches)])
        count += _size(found[-1])
        if count > _MOST_OPERATORS:
            raise UnsupportedModelError(
                f"A forward with more than {_MOST_OPERATORS} operators, those that "
                "branches share counted in each: no bound is computed."
            )
        end = end.before
    return [op for part in reversed(found) for op in part]


def _size(operators):
    return sum(
        1 + sum(_size(branch) for branch in getattr(op, "branches", ()))
        for op in operators
    )


def read_traced(module, shape, is_leaf, read):
    """Operators and output shape of a module with a forward of its own.

    Parameters
    ----------
    module : torch.nn.Module
        In eval mode.
    shape : tuple or None
        Of one sample.
    is_leaf : callable
        Whether a module inside is read by itself.
    read : callable
        ``read(module, shape)`` reads such a module.

    Raises
    ------
    UnsupportedModelError
        Names the function, and the line of the forward, that has no bound; or if the
        module computes otherwise than its trace.
    """
    name = type(module).__name__
    try:
        graph = _Tracer(is_leaf).trace(module)
    except UnsupportedModelError:
        raise
    except Exception as error:
        said = str(error).partition("\n")[0]
        raise UnsupportedModelError(
            f"The forward of {type(module).__module__}.{name} cannot be traced by "
            f"torch.fx, so no bound of it is known{_place(error)}: {said}"
        ) from None
    found = _Interpreter(module, graph, shape, read).run()
    traced = fx.GraphModule(module, graph).eval()
    check_stand_in(module, traced, shape, "torch.fx traced of its forward")
    return found


class _Interpreter:
    def __init__(self, module, graph, shape, read):
        self.module, self.graph, self.read = module, graph, read
        self.input = Traced(shape=shape)
        self.values, self.n_inputs = {}, 0

    def run(self):
        """Operators and shape of the output."""
        for node in self.graph.nodes:
            if node.op == "output":
                found = self._value(node.args[0])
                if not isinstance(found, Traced):
                    self._refuse(node, "what it returns is no tensor made of its input")
                return chain_between(self.input, found), found.shape
            self.values[node] = self._evaluate(node)
        raise AssertionError("a traced graph ends in its output")

    def _evaluate(self, node):
        if node.op == "placeholder":
            self.n_inputs += 1
            if self.n_inputs > 1:
                if not node.args:
                    self._refuse(node, f"a second input, {node.target}")
                return node.args[0]
            return self.input
        if node.op == "get_attr":
            return _attribute(self.module, node.target)
        if node.op == "call_module":
            return self._module(node)
        return self._function(node)

    def _module(self, node):
        inner = self.module.get_submodule(node.target)
        if len(node.args) != 1 or node.kwargs:
            self._refuse(node, f"self.{node.target} takes more than one argument")
        value = self._value(node.args[0])
        if getattr(inner, "inplace", False):
            self._check_alone(node, node.args[0])
        if not isinstance(value, Traced):
            return inner(value)
        try:
            return value.behind(*self.read(inner, value.shape))
        except UnsupportedModelError as error:
            place = _line(node)
            raise UnsupportedModelError(
                f"{error} (self.{node.target}{place})"
            ) from None

    def _function(self, node):
        args = self._value(node.args)
        kwargs = self._value(node.kwargs)
        if not any(isinstance(v, Traced) for v in _leaves((args, kwargs))):
            return self._constant(node, args, kwargs)
        known = METHODS if node.op == "call_method" else FUNCTIONS
        key = node.target
        if key in known:
            call = Call(known[key], args, kwargs)
            if key in _IN_PLACE or call.in_place or str(key).endswith("_"):
                self._check_alone(node, node.args[0])
            try:
                return call.evaluate()
            except Unsupported as reason:
                self._refuse(node, str(reason))
        self._refuse(node, None)

    def _constant(self, node, args, kwargs):
        """A value that does not depend on the input."""
        if any(v is BATCH for v in _leaves((args, kwargs))):
            if node.target is operator.getitem:
                return args[0][args[1]]
            self._refuse(node, "it depends on the number of samples")
        if node.op == "call_method":
            return getattr(args[0], node.target)(*args[1:], **kwargs)
        return node.target(*args, **kwargs)

    def _value(self, argument):
        if isinstance(argument, fx.Node):
            return self.values[argument]
        if isinstance(argument, tuple | list):
            return type(argument)(self._value(a) for a in argument)
        if isinstance(argument, slice):
            ends = argument.start, argument.stop, argument.step
            return slice(*map(self._value, ends))
        if isinstance(argument, dict):
            return {k: self._value(a) for k, a in argument.items()}
        return argument

    def _check_alone(self, node, given):
        """Refuse what overwrites a value that something else reads."""
        while isinstance(given, fx.Node):
            if len(given.users) > 1:
                self._refuse(
                    node, f"it overwrites {given.name}, which is used again elsewhere"
                )
            hands_on = given.op != "placeholder" and any(
                word in str(given.target) for word in _SAME_MEMORY
            )
            if given.op == "call_module":
                inner = self.module.get_submodule(given.target)
                hands_on = isinstance(inner, _MODULES_OF_SAME_MEMORY)
            given = given.args[0] if hands_on and given.args else None

    def _refuse(self, node, reason):
        kind = type(self.module)
        what = _full_name(node)
        if node.op == "call_module":
            what = full_name(self.module.get_submodule(node.target))
        raise UnsupportedModelError(
            f"No bound is proven for {what} in the forward of "
            f"{kind.__module__}.{kind.__qualname__}{_line(node)}"
            + (f": {reason}." if reason else ".")
            + way_out(what.rpartition(".")[2])
            + " Linear layers, convolutions, pooling, registered activations, sums, "
            "concatenations and reshapes have one; other modules can be described "
            "by register_module_bound."
        )


_MODULES_OF_SAME_MEMORY = (
    torch.nn.Identity,
    torch.nn.Flatten,
    torch.nn.Unflatten,
    torch.nn.Dropout,
)


def _attribute(module, target):
    for name in target.split("."):
        module = getattr(module, name)
    return module


def _leaves(values):
    if isinstance(values, tuple | list):
        for value in values:
            yield from _leaves(value)
    elif isinstance(values, dict):
        yield from _leaves(list(values.values()))
    else:
        yield values


def _full_name(node):
    if node.op == "call_method":
        return f"torch.Tensor.{node.target}"
    target = node.target
    if isinstance(target, str):
        return target
    name = getattr(target, "__qualname__", getattr(target, "__name__", str(target)))
    if "<locals>" in name or "." in name:
        name = getattr(target, "__name__", name)
    place = getattr(target, "__module__", None) or "torch"
    return f"{place.replace('_operator', 'operator')}.{name}"


def _place(error):
    """The line of the user's own source at which an error arose."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if "/torch/" not in f.filename and f.filename != __file__]
    return f" ({own[-1].filename}, line {own[-1].lineno})" if own else ""


def _line(node):
    """Where the user's own source calls it."""
    frames = re.findall(r'File "([^"]*)", line (\d+)', node.stack_trace or "")
    own = [(file, line) for file, line in frames if "/torch/" not in file]
    own = [(file, line) for file, line in own if file != __file__]
    return f" ({own[-1][0]}, line {own[-1][1]})" if own else ""
