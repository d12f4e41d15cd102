# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Spectral norms of a batch of matrices: proven from above, estimated from below.

||G||^2 = ||G^2|| for symmetric G. A power of G is mostly its first eigenvector's part:
with a unit vector v near it, m = v'Gv and r = ||Gv - m v||, what is left has at most
the Frobenius norm n with n^2 = ||G||_F^2 - m^2 - 2 r^2, and ||G|| is at most the larger
eigenvalue of [[m, r], [r, n]]. Products only, so that the same proof holds wherever
they are computed in float64.
"""

import torch

from sklip._floats import UNIT, gamma, tensor_lengths

__all__ = ["power_estimates", "spectral_norm_bounds"]

# By then the Frobenius norm alone is above the spectral norm by no more than the root
# of its order 128.
_SQUARINGS = 6
# The first power that is looked at, and how near a bound is near enough.
_FIRST = 2
_CLOSE = 5e-4
_POWER_STEPS = 4


def spectral_norm_bounds(matrices):
    """Proven upper bounds of the spectral norms of a batch of matrices."""
    if matrices.shape[-2] > matrices.shape[-1]:
        matrices = matrices.transpose(-1, -2)
    n, m = matrices.shape[-2:]
    if n == 1:
        return tensor_lengths(matrices[..., 0, :]) * (1.0 + 4.0 * gamma(m))
    sizes = tensor_lengths(matrices.flatten(-2)).clamp_min(2.0**-1000)
    scaled = matrices / sizes[..., None, None]
    gram = (scaled @ scaled.transpose(-1, -2)).flatten(0, -3)
    # Roundings of each step, relative to a matrix of Frobenius norm one.
    bounds = _root_of_norm(gram, 2.0 * gamma(m + 4), 2.0 * gamma(n + 4))
    return bounds.reshape(sizes.shape) * sizes * (1.0 + 2.0 * gamma(n * m))


def _root_of_norm(gram, first_error, error):
    """Roots of the spectral norms of symmetric matrices, which err by so much."""
    found, left = torch.empty_like(gram[:, 0, 0]), torch.arange(len(gram))
    left, scales = left.to(gram.device), []
    for k in range(_SQUARINGS + 1):
        if k:
            scale = gram.norm(dim=(-2, -1)).clamp_min(1e-150)
            gram = gram / scale[:, None, None]
            gram = gram @ gram
            scales.append(scale)
        if k < min(_FIRST, _SQUARINGS):
            continue
        lower, bound = _without_first(gram, error)
        # NaN is left as it is: it proves nothing, whatever follows.
        far = bound > lower * (1.0 + 2.0 ** (k + 1) * _CLOSE)
        far = far & (k < _SQUARINGS)
        for scale in scales[::-1]:
            bound = torch.sqrt(bound + error) * scale * (1.0 + 8.0 * UNIT)
        found[left] = torch.sqrt(bound + first_error)
        if not far.any():
            break
        gram, left, scales = gram[far], left[far], [scale[far] for scale in scales]
    return found


def _without_first(gram, error):
    """Spectral norms of symmetric matrices of norm <= 1 from below and from above."""
    n = gram.shape[-1]
    size = gram.norm(dim=(-2, -1)) * (1.0 + 4.0 * gamma(n * n))
    start = gram.diagonal(dim1=-2, dim2=-1).argmax(-1)
    vector = gram[torch.arange(len(gram), device=gram.device), start][:, :, None]
    image = gram @ (vector / vector.norm(dim=-2, keepdim=True).clamp_min(1e-300))
    vector = image / image.norm(dim=-2, keepdim=True).clamp_min(1e-300)
    image = gram @ vector
    lower = (vector * image).sum(dim=(-2, -1))
    across = (image - lower[:, None, None] * vector).norm(dim=(-2, -1))
    # What the matrix, the vector's length and these products err by, at most.
    room = error + 16.0 * gamma(n * n)
    rest = (size * size - lower * lower - 2.0 * across * across).clamp_min(0.0)
    rest, across = torch.sqrt(rest + 8.0 * room), across + room
    half = 0.5 * (lower + room - rest)
    larger = 0.5 * (lower + room + rest) + torch.hypot(half, across)
    return lower, torch.fmin(size, larger * (1.0 + 8.0 * UNIT))


def power_estimates(matrices):
    """Spectral norms of a batch of matrices from below, by steps of power iteration."""
    if matrices.shape[-2] > matrices.shape[-1]:
        matrices = matrices.transpose(-1, -2)
    # The row of the largest norm is seldom orthogonal to what is stretched most.
    sizes = tensor_lengths(matrices)
    start = sizes.argmax(-1)[..., None, None].expand(*sizes.shape[:-1], 1, 1)
    vector = torch.take_along_dim(matrices, start, -2).transpose(-1, -2)
    for _ in range(_POWER_STEPS):
        vector = vector / vector.norm(dim=-2, keepdim=True).clamp_min(1e-300)
        image = matrices @ vector
        vector = matrices.transpose(-1, -2) @ image
    # Rounding must not lift an estimate above the norm.
    return image.norm(dim=(-2, -1)) * (1.0 - 1e-9)
