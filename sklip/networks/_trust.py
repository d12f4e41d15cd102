# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Which objects may be read from their attributes: those whose methods are known.

A model is certified from its fitted attributes, which says something of its ``predict``
only if that is the method which was written for them. So classes are known by their
exact type, and no instance or class may have been given another method since. A class
of the user's own says what it computes by a method of its own name
(``__sklip_network__``, ``__sklip_module__``, ``__sklip_affine__``); a subclass that
overrides what its parent's statement speaks of has to say so again.
"""

from functools import cached_property
from types import FunctionType

from sklip.exceptions import UnsupportedModelError

__all__ = [
    "full_name",
    "is_exactly",
    "is_own",
    "makes_statement",
    "need_unaltered",
    "statement_of",
]

_MISSING = object()
# What a subclass may define anew without changing what a fitted object computes.
_HARMLESS = frozenset(
    {
        "__init__",
        "__repr__",
        "__sklearn_tags__",
        "_get_param_names",
        "_parameter_constraints",
        "_sklearn_auto_wrap_output_keys",
        "fit",
        "fit_transform",
        "get_feature_names_out",
        "get_metadata_routing",
        "get_params",
        "partial_fit",
        "score",
        "set_output",
        "set_params",
    }
)
# Methods that may be found without a class that has them, by __getattr__.
_DECIDING = frozenset(
    {
        "decision_function",
        "inverse_transform",
        "predict",
        "predict_log_proba",
        "predict_proba",
        "transform",
    }
)
# Of the names with two underscores, those that change how attributes are found.
_DECIDING_DUNDERS = frozenset(
    {"__getattr__", "__getattribute__", "__sklearn_is_fitted__"}
)

# What dataclasses, from Python 3.13 on, give to a class for copy.replace: it makes
# another object and changes none.
_MAKES_ANOTHER = "__replace__"


def full_name(model):
    """Name of an object's class, with the module that defines it."""
    kind = model if isinstance(model, type) else type(model)
    place = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return f"{place}{kind.__qualname__}"


def need_unaltered(model):
    """Refuse an object whose methods were replaced, on it or on its class.

    Parameters
    ----------
    model : object
        A model or transformer of a known class.

    Raises
    ------
    UnsupportedModelError
        If an attribute of the object hides a method of its class, or a method of a
        class was set by another package than one that its classes come from.
    """
    kind = type(model)
    hidden = [
        name
        for name in getattr(model, "__dict__", ())
        if name in _DECIDING or _is_method(_static(kind, name))
    ]
    if hidden:
        raise UnsupportedModelError(
            f"This {full_name(model)} has {', '.join(sorted(hidden))} of its own in "
            "place of the method of its class: what it computes is not known. Delete "
            f"it (del model.{hidden[0]}), or write a class of your own."
        )
    packages = {_package(klass.__module__) for klass in kind.__mro__}
    for klass in kind.__mro__:
        for name, value in vars(klass).items():
            code = None if name == _MAKES_ANOTHER else _code_of(value)
            if code is not None and _package(code.__module__) not in packages:
                raise UnsupportedModelError(
                    f"{full_name(klass)}.{name} was replaced by a function of "
                    f"{code.__module__}: what it computes is not known."
                )


def is_exactly(model, kind):
    """Whether an object is of a class, whose methods are believed, and unchanged.

    An object of a subclass, or one whose methods were replaced, is refused by
    UnsupportedModelError.
    """
    if not isinstance(model, kind):
        return False
    if type(model) is not kind:
        raise UnsupportedModelError(
            f"{full_name(model)} is a subclass of {kind.__name__}, which may compute "
            f"something else. Make a {kind.__name__} of it."
        )
    need_unaltered(model)
    return True


def makes_statement(model, name):
    """Whether the object's class, or a parent of it, has the method ``name``."""
    return _static(type(model), name) is not _MISSING


def statement_of(model, name):
    """What an object says of itself by the method ``name``.

    Parameters
    ----------
    model : object
        Any object.
    name : str
        Such as ``"__sklip_network__"``.

    Returns
    -------
    statement : object
        What the method returns; None where its class has no such method.

    Raises
    ------
    UnsupportedModelError
        If the class overrides anything that the statement of its parent speaks of.
    """
    kind = type(model)
    owner = _owner(kind, name)
    if owner is None:
        return None
    changed = [] if kind is owner else _overridden(kind, owner, vars(model))
    if changed:
        raise UnsupportedModelError(
            f"{full_name(model)} overrides {', '.join(changed)} of "
            f"{full_name(owner)}: what is known of the parent need not hold for it. "
            f"Pass what it holds inside, or state what it computes by a method {name} "
            "of its own."
        )
    return getattr(kind, name)(model)


def is_own(model, name):
    """Whether the statement ``name`` speaks of a class of sklip's own."""
    owner = _owner(type(model), name)
    return owner is not None and _package(owner.__module__) == "sklip"


def _owner(kind, name):
    """The class that a statement speaks of: it makes it, or belongs to sklip.

    None where no class of the object has the method.
    """
    for klass in kind.__mro__:
        if name in vars(klass):
            return klass
        if _package(klass.__module__) == "sklip" and hasattr(klass, name):
            return klass
    return None


def _overridden(kind, owner, fitted):
    """Names that a subclass defines otherwise than the class of the statement."""
    changed = []
    for name in dir(kind):
        new = _static(kind, name)
        old = _static(owner, name)
        if new is old or name in _HARMLESS or _is_request(name):
            continue
        dunder = name.startswith("__") and name.endswith("__")
        if dunder and name not in _DECIDING_DUNDERS:
            continue
        # A new public name, or a new function: the parent's methods ask for neither.
        private = name.startswith("_") or name.endswith("_")
        new_name = old is _MISSING and name not in fitted and not dunder
        if new_name and (not private or isinstance(new, FunctionType)):
            continue
        changed.append(name)
    return changed


def _static(kind, name):
    """What a class has under a name, without asking its descriptors."""
    for klass in kind.__mro__:
        if name in klass.__dict__:
            return klass.__dict__[name]
    return _MISSING


def _is_request(name):
    return name.startswith("set_") and name.endswith("_request")


def _is_method(value):
    """Whether a class's attribute computes something and an instance's hides it."""
    if isinstance(value, cached_property | type):
        return False
    return hasattr(type(value), "__get__") and not hasattr(type(value), "__set__")


def _code_of(value):
    """The function behind a method, property or conditional method; else None."""
    if isinstance(value, classmethod | staticmethod):
        value = value.__func__
    elif isinstance(value, property):
        value = value.fget
    # What available_if makes of a method keeps it as ``fn``.
    value = getattr(value, "fn", value)
    return value if isinstance(value, FunctionType) else None


def _package(module):
    return str(module).partition(".")[0]
