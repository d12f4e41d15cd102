# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The hash of a torch module: structure, settings and weights."""

import hashlib

import torch

__all__ = ["module_hash"]

_SETTINGS = bool | int | float | str | tuple | list | None


def module_hash(module):
    """Hash the structure, the settings and the state of a module.

    Parameters
    ----------
    module : Module
        Any module.

    Returns
    -------
    digest : str
        SHA-256 of the module's representation, of the classes and plain attributes of
        all modules in it, and of every tensor in its state. Training mode and device
        play no part.

    Examples
    --------
    >>> import torch
    >>> from sklip.bounds import module_hash
    >>> len(module_hash(torch.nn.ReLU()))
    64
    """
    digest = hashlib.sha256(repr(module).encode())
    for name, inner in module.named_modules(remove_duplicate=False):
        kind = type(inner)
        digest.update(f"{name}:{kind.__module__}.{kind.__qualname__}".encode())
        if isinstance(inner, torch.fx.GraphModule):
            digest.update(inner.code.encode())
        for key, value in sorted(vars(inner).items()):
            # A class of the user's own may keep numbers that its repr does not show.
            if key.startswith("_") or key == "training":
                continue
            if isinstance(value, torch.Tensor):
                _add_tensor(digest, key, value)
            elif isinstance(value, _SETTINGS):
                digest.update(f"{key}={value!r}".encode())
    for name, tensor in module.state_dict().items():
        _add_tensor(digest, name, tensor)
    return digest.hexdigest()


def _add_tensor(digest, name, tensor):
    array = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
    digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
    digest.update(array.numpy().tobytes())
