# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""skorch callbacks as a parameter: their names, their parameters, and what fit runs."""

import copy
import warnings

from skorch.callbacks import Callback, ParamMapper

__all__ = [
    "EpochHooks",
    "KeptParameters",
    "callback_params",
    "check_callbacks",
    "check_module",
    "named_callbacks",
    "set_callback_params",
    "warn_of_unmatched",
    "without_training_state",
]


def check_callbacks(callbacks):
    """Refuse what skorch could not call, before any work is done."""
    for item in callbacks or ():
        callback = item[1] if _is_pair(item) else item
        kind = callback if isinstance(callback, type) else type(callback)
        if not issubclass(kind, Callback):
            raise TypeError(
                "callbacks must hold skorch callbacks, their classes or (name, "
                f"callback) pairs, got {item!r}."
            )


def check_module(net):
    """Refuse parameters of the module, which skorch's InputShapeSetter and others set.

    skorch makes a module of its class and of them; here the estimator makes it.
    """
    if given := net.get_params_for("module"):
        names = ", ".join(f"module__{name}" for name in given)
        raise ValueError(
            f"A callback has set {names}, but the estimator makes the network itself, "
            "of the shape of X and y: leave the callback out."
        )


def warn_of_unmatched(net):
    """Warn of names, such as those to freeze, that no parameter of the module has."""
    for _, callback in net.callbacks_:
        if not isinstance(callback, ParamMapper):
            continue
        named = list(callback.named_parameters(net))
        if not list(callback.filter_parameters(callback.patterns, named)):
            names = ", ".join(name for name, _ in named)
            warnings.warn(
                f"{type(callback).__name__} has no effect: its patterns "
                f"{callback.patterns} match none of the parameters {names}.",
                stacklevel=2,
            )


def _is_pair(item):
    return isinstance(item, tuple | list) and len(item) == 2


def named_callbacks(callbacks):
    """Names as skorch gives them: the class's, with _1, _2 where it recurs."""
    if not isinstance(callbacks, list | tuple):
        return  # what is wrong with it is said by fit
    names = [
        item[0]
        if _is_pair(item)
        else (item if isinstance(item, type) else type(item)).__name__
        for item in callbacks
    ]
    seen = dict.fromkeys(names, 0)
    for item, name in zip(callbacks, names, strict=True):
        seen[name] += 1
        unique = name if names.count(name) == 1 else f"{name}_{seen[name]}"
        yield unique, item[1] if _is_pair(item) else item


def callback_params(callbacks):
    """Parameters ``callbacks__name`` and ``callbacks__name__parameter``."""
    params = {}
    for name, callback in named_callbacks(callbacks):
        params[f"callbacks__{name}"] = callback
        if isinstance(callback, Callback):
            for key, value in callback.get_params(deep=False).items():
                params[f"callbacks__{name}__{key}"] = value
    return params


def set_callback_params(callbacks, params):
    """Callbacks with some replaced, left out or set.

    Parameters
    ----------
    callbacks : list or None
        As the estimators take them.
    params : dict
        ``name`` to another callback or None, which leaves it out, and
        ``name__parameter`` to a value. Parameters of an instance are set on it; a class
        becomes an instance with them.

    Returns
    -------
    callbacks : list
        A new list of (name, callback) pairs.

    Raises
    ------
    ValueError
        If there is no callback of such a name.
    """
    named = dict(named_callbacks(callbacks))
    own, inner = {}, {}
    for key, value in params.items():
        name, _, parameter = key.partition("__")
        if name not in named:
            raise ValueError(
                f"callbacks__{key}: there is no callback {name!r}; the names are "
                f"{', '.join(map(repr, named)) or 'none'}."
            )
        if parameter:
            inner.setdefault(name, {})[parameter] = value
        else:
            own[name] = value
    named.update(own)
    for name, values in inner.items():
        callback = named[name]
        if callback is None:
            raise ValueError(f"callbacks__{name} is None and has no parameters.")
        if isinstance(callback, type):
            named[name] = callback(**values)
        else:
            callback.set_params(**values)
    return [pair for pair in named.items() if pair[1] is not None]


class KeptParameters:
    """Parameters that a callback's ``initialize`` replaces, put back after training.

    skorch runs the object that it is given, and some of its callbacks prepare their
    own parameters in place; scikit-learn's rule is that fit changes no parameter. Both
    hold where the prepared values stand there during training only.

    Parameters
    ----------
    callback : Callback
        Not yet initialised.
    """

    def __init__(self, callback):
        self.callback = callback
        self._prepare()
        self.leave()

    def _prepare(self):
        given = self._parameters()
        self.callback.initialize()
        now = self._parameters()
        self._given = {k: v for k, v in given.items() if now.get(k, v) is not v}
        self._prepared = {k: now[k] for k in self._given}

    def _parameters(self):
        # By scikit-learn's convention, what ends in an underscore is no parameter.
        values = getattr(self.callback, "__dict__", {})
        return {name: v for name, v in values.items() if not name.endswith("_")}

    def enter(self):
        """Put the prepared values in; parameters set since are prepared anew."""
        values = self._parameters()
        if any(values.get(k) is not v for k, v in self._given.items()):
            self._prepare()
        vars(self.callback).update(self._prepared)

    def leave(self):
        """Put the given values back."""
        if self._given:
            vars(self.callback).update(self._given)


class EpochHooks(Callback):
    """Hands every epoch on to scikit-learn's callbacks, set by ``set_callbacks``.

    Parameters
    ----------
    estimator : BaseLipschitzMLP
        The estimator in fit.
    context : sklearn.callback.CallbackContext
        Of that fit.
    data : dict
        ``X`` and ``y`` as fit was given them: with names, and labels of any type.
    attributes : callable
        Fitted attributes, by their names, that a module in training would give.
    """

    def __init__(self, estimator, context, data, attributes):
        self._arguments = {"estimator": estimator, **data}
        self._context = context
        self._attributes = attributes

    def on_epoch_begin(self, net, **kwargs):
        """Begin a task of the fit."""
        self._epoch = self._context.subcontext(task_name="epoch")
        self._epoch.call_on_fit_task_begin(**self._arguments)

    def on_epoch_end(self, net, **kwargs):
        """End the task; a callback that returns True stops the training."""
        stop = self._epoch.call_on_fit_task_end(
            **self._arguments,
            reconstruction_attributes=lambda: self._attributes(net.module_),
        )
        if stop:
            raise KeyboardInterrupt


def without_training_state(callbacks):
    """Callbacks for a pickle: skorch's own without what training left in them.

    A scheduler, for instance, holds the optimizer; the next training makes these
    attributes anew. Callbacks of other classes are pickled as they are.
    """
    if not callbacks:
        return callbacks
    return type(callbacks)(
        (item[0], _slim(item[1])) if _is_pair(item) else _slim(item)
        for item in callbacks
    )


def _slim(callback):
    own = type(callback).__module__.partition(".")[0] == "skorch"
    if isinstance(callback, type) or not own:
        return callback
    slim = copy.copy(callback)
    plain = type(None) | bool | int | float | str
    for name, value in list(vars(slim).items()):
        if name.endswith("_") and not isinstance(value, plain):
            del vars(slim)[name]
    return slim
