# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What a net needs to go on training, as plain arrays that can be pickled anywhere."""

import numpy as np
import torch

__all__ = [
    "export_random_state",
    "export_training_state",
    "random_state_of",
    "restore_training_state",
]


def export_random_state(net):
    """Where the random numbers of a net have come to, as arrays and plain values."""
    streams = net.backprop_.streams.items()
    return {
        "generator": net.generator.get_state().numpy(),
        "streams": {name: stream.export() for name, stream in streams},
    }


def random_state_of(state):
    """The part of an exported training state that holds random numbers."""
    return {name: state[name] for name in ("generator", "streams")}


def export_training_state(net, *, compact=False):
    """Optimizer moments and random state of a net, without torch objects.

    Parameters
    ----------
    net : MLPNet
        An initialised net.
    compact : bool, default=False
        Halve the moments, which are twice the weights: float64 is rounded to float32,
        float32 to bfloat16.

    Returns
    -------
    state : dict
        Nested dicts and lists of arrays and plain values.
    """
    return {
        **export_random_state(net),
        "progress": {
            "scheduled": net.schedule.applied,
            "divisions": net.schedule.n_divisions,
            "best": float(net.stream_rule.best),
            "stalled": net.stream_rule.epochs_without_progress,
        },
        "optimizer": _map(
            net.optimizer_.state_dict(),
            torch.Tensor,
            _to_small_array if compact else _to_array,
        ),
    }


def restore_training_state(net, state):
    """Put an exported state, or its random state alone, back into a like net."""
    net.generator.set_state(torch.tensor(state["generator"]))
    for name, exported in state["streams"].items():
        if name in net.backprop_.streams:
            net.backprop_.streams[name].restore(exported)
    if "optimizer" in state:
        moments = _map(state["optimizer"], np.ndarray, _to_tensor)
        net.optimizer_.load_state_dict(moments)
        progress = state["progress"]
        net.schedule.applied = progress["scheduled"]
        net.schedule.n_divisions = progress["divisions"]
        net.stream_rule.best = progress["best"]
        net.stream_rule.epochs_without_progress = progress["stalled"]


def _to_array(tensor):
    return tensor.cpu().numpy().copy()


def _to_small_array(tensor):
    if tensor.numel() > 1 and tensor.dtype == torch.float64:
        return _to_array(tensor.to(torch.float32))
    if tensor.numel() > 1 and tensor.dtype == torch.float32:
        # numpy has no bfloat16: its bits travel as whole numbers.
        return _to_array(tensor.to(torch.bfloat16).view(torch.uint16))
    return _to_array(tensor)


def _to_tensor(array):
    tensor = torch.tensor(array)
    if tensor.dtype == torch.uint16:
        return tensor.view(torch.bfloat16).to(torch.float32)
    return tensor


def _map(value, kind, convert):
    if isinstance(value, kind):
        return convert(value)
    if isinstance(value, dict):
        return {key: _map(item, kind, convert) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_map(item, kind, convert) for item in value)
    return value
