# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Lazy imports behind a package's door: a module is loaded when a name is asked for."""

import ast
import importlib
import sys

__all__ = ["lazy_door"]


def lazy_door(package):
    """Functions that let a package import its public names lazily (PEP 562).

    The names stand once, as imports in the package's ``__init__.pyi``. Editors and type
    checkers read that stub as it is, and so does this function: what the stub imports
    is imported when somebody asks for it, and kept from then on.

    Parameters
    ----------
    package : str
        Name of the package whose ``__init__`` calls.

    Returns
    -------
    module_getattr, module_dir : callable
        To be bound to ``__getattr__`` and ``__dir__``.
    names : list of str
        What the stub states as ``__all__``.

    Examples
    --------
    >>> from sklip._lazy import lazy_door
    >>> module_getattr, module_dir, names = lazy_door("sklip.networks")
    >>> "FeedForward" in names
    True
    >>> module_getattr("FeedForward")
    <class 'sklip.networks._feedforward.FeedForward'>
    """
    door = sys.modules[package]
    origins, names = _read_stub(door.__spec__)

    def module_getattr(name):
        if name not in origins:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        origin = origins[name]
        if origin == package:  # a module of the package itself
            return importlib.import_module(f"{package}.{name}")
        there = getattr(importlib.import_module(origin), name)
        setattr(door, name, there)
        return there

    def module_dir():
        # The door's own tool is no name of the package.
        return sorted({*vars(door), *origins} - {lazy_door.__name__})

    return module_getattr, module_dir, names


def _read_stub(spec):
    """Where each name of a stub comes from, and its ``__all__``."""
    # The loader reads it, so that a package inside a zip file works as well.
    path = spec.origin.removesuffix(".pyc").removesuffix(".py") + ".pyi"
    origins, names = {}, []
    for node in ast.parse(spec.loader.get_data(path)).body:
        if isinstance(node, ast.ImportFrom):
            origins |= {alias.name: node.module for alias in node.names}
        elif isinstance(node, ast.Assign) and node.targets[0].id == "__all__":
            names = ast.literal_eval(node.value)
    return origins, names
