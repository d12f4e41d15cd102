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
        Halve the moments, which are twice the weights: float64 is rounded to float32,
        float32 to bfloat16.

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
        moments = _map(state["optimizer"], np.ndarray, _to_tensor)
        net.optimizer_.load_state_dict(moments)


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
