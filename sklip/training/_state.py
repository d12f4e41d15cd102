# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What a net needs to go on training, as plain arrays that can be pickled anywhere."""

import numpy as np
import torch

__all__ = ["export_training_state", "restore_training_state"]


def export_training_state(net, *, compact=False):
    """Optimizer moments and random state of a net, without torch objects.

    Parameters
    ----------
    net : MLPNet
        An initialised net.
    compact : bool, default=False
        Round the moments to float32: they are twice the weights.

    Returns
    -------
    state : dict
        Nested dicts and lists of arrays and plain values.
    """
    return {
        "generator": net.generator.get_state().numpy(),
        "optimizer": _map(
            net.optimizer_.state_dict(),
            torch.Tensor,
            _to_small_array if compact else _to_array,
        ),
    }


def restore_training_state(net, state):
    """Put an exported state, or the generator's alone, back into a like net."""
    net.generator.set_state(torch.tensor(state["generator"]))
    if "optimizer" in state:
        moments = _map(state["optimizer"], np.ndarray, torch.tensor)
        net.optimizer_.load_state_dict(moments)


def _to_array(tensor):
    return tensor.cpu().numpy().copy()


def _to_small_array(tensor):
    single = tensor.dtype == torch.float64 and tensor.numel() > 1
    return _to_array(tensor.to(torch.float32) if single else tensor)


def _map(value, kind, convert):
    if isinstance(value, kind):
        return convert(value)
    if isinstance(value, dict):
        return {key: _map(item, kind, convert) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_map(item, kind, convert) for item in value)
    return value
