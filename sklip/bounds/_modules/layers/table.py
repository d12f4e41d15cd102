# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The layers of torch that are read into operators, by name."""

from sklip.bounds._modules.layers.activations import ACTIVATION_READERS
from sklip.bounds._modules.layers.affine import (
    read_batch_norm,
    read_convolution,
    read_linear,
)
from sklip.bounds._modules.layers.pooling import read_adaptive, read_pooling
from sklip.bounds._modules.layers.shapes import (
    read_dropout,
    read_flatten,
    read_identity,
    read_unflatten,
)

__all__ = ["DROPOUT", "LEAF_READERS"]

DROPOUT = (
    "AlphaDropout",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Dropout3d",
    "FeatureAlphaDropout",
)
LEAF_READERS = {
    "Linear": read_linear,
    "Conv1d": read_convolution,
    "Conv2d": read_convolution,
    "Conv3d": read_convolution,
    "BatchNorm1d": read_batch_norm(None),
    "BatchNorm2d": read_batch_norm(2),
    "BatchNorm3d": read_batch_norm(3),
    "Flatten": read_flatten,
    "Unflatten": read_unflatten,
    **ACTIVATION_READERS,
    "Identity": read_identity,
    **dict.fromkeys(DROPOUT, read_dropout),
    **{f"AvgPool{n}d": read_pooling(n, True) for n in (1, 2, 3)},
    **{f"MaxPool{n}d": read_pooling(n, False) for n in (1, 2, 3)},
    **{f"AdaptiveAvgPool{n}d": read_adaptive(n, True) for n in (1, 2, 3)},
    **{f"AdaptiveMaxPool{n}d": read_adaptive(n, False) for n in (1, 2, 3)},
}
