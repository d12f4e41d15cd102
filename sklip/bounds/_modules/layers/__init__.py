# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The single layers of torch, read into operators; by name, without torch.nn.

A reader takes a module and the shape of its input without the batch (entries that are
not known are None, and so is a shape of which nothing is known), and returns a list of
operators and the shape of the output.
"""

from sklip.bounds._modules.layers.affine import need_statistics
from sklip.bounds._modules.layers.parameters import as_tuple, compatible, need_eval
from sklip.bounds._modules.layers.table import DROPOUT, LEAF_READERS

__all__ = [
    "DROPOUT",
    "LEAF_READERS",
    "as_tuple",
    "compatible",
    "need_eval",
    "need_statistics",
]
