# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Forwards of the user's own on a few numbers: do they what was read of them?

A trace sees one way through a forward: what Python decides there (a counter, a random
number, a branch on the input's type, autocast) is written down as it was just then. A
guard, never a proof: what a few rows contradict is refused.
"""

import contextlib

import torch

from sklip.exceptions import UnsupportedModelError

__all__ = ["check_stand_in"]

# What results may differ by, in units of roundoff of the largest one.
_ULPS = 64.0
# Size of an axis of which nothing is known.
_UNKNOWN = 16


def check_stand_in(module, stand_in, shape, what):
    """Refuse a module that computes otherwise than what stands for it.

    Parameters
    ----------
    module : torch.nn.Module
        In eval mode.
    stand_in : torch.nn.Module
        What was read of it.
    shape : tuple or None
        Of one sample; entries that are not known are None.
    what : str
        What was read, for the message.

    Raises
    ------
    UnsupportedModelError
        If results differ, from each other or when the module is asked again. Where no
        sample of a fitting shape is found nothing is checked.
    """
    with torch.random.fork_rng(devices=[]):
        samples = _fitting_samples(module, shape)
        for k, x in enumerate(samples):
            expected = _result(stand_in, x)
            for grad in (False, True) if k == 0 else (False,):
                if not _agree(_result(module, x, grad), expected):
                    kind = type(module)
                    raise UnsupportedModelError(
                        f"{kind.__module__}.{kind.__qualname__} does not compute what "
                        f"{what}: on the same numbers the results differ. What Python "
                        "decides in a forward (counters, random numbers, the type or "
                        "values of the input, autocast) or in a __call__ of its own "
                        "is not known to a bound."
                    )


def _fitting_samples(module, shape):
    """A batch of mixed signs, a row above zero and one below; none if nothing fits."""
    tensors = [*module.parameters(), *module.buffers()]
    floats = [t for t in tensors if t.is_floating_point()]
    like = floats[0] if floats else torch.empty(0)
    generator = torch.Generator().manual_seed(0)
    for sizes in _shapes(module, shape):
        x = torch.randn(3, *sizes, generator=generator, dtype=torch.float64).to(like)
        with contextlib.suppress(Exception), torch.no_grad():
            module(x.clone())
            return x, x[:1].abs() + 0.5, -x[1:2].abs() - 0.5
    return ()


def _shapes(module, shape):
    """Shapes of one sample that may fit, the likeliest first."""
    if shape is not None:
        yield tuple(_UNKNOWN if n is None else n for n in shape)
        if None not in shape:
            return
    for inner in module.modules():
        n = getattr(inner, "in_features", None) or getattr(inner, "num_features", None)
        if n:
            yield (n,)
        n = getattr(inner, "in_channels", None) or n
        for n_axes in (1, 2, 3) if n else ():
            if type(inner).__name__.endswith(f"{n_axes}d"):
                yield (n, *(_UNKNOWN,) * n_axes)
    yield from ((4,), (3, _UNKNOWN, _UNKNOWN))


def _result(module, x, grad=False):
    with torch.set_grad_enabled(grad):
        try:
            found = module(x.clone())
        except Exception as error:  # whatever a forward of the user raises
            return repr(type(error))
    return found.detach() if isinstance(found, torch.Tensor) else repr(type(found))


def _agree(found, expected):
    if isinstance(found, str) or isinstance(expected, str):
        return isinstance(found, str) and isinstance(expected, str)
    if found.shape != expected.shape or found.dtype != expected.dtype:
        return False
    if not found.is_floating_point():
        return torch.equal(found, expected)
    largest = torch.nan_to_num(expected.abs()).amax() if expected.numel() else 0.0
    room = _ULPS * torch.finfo(expected.dtype).eps * largest
    same = (found == expected) | (found.isnan() & expected.isnan())
    return bool((same | ((found - expected).abs() <= room)).all())
