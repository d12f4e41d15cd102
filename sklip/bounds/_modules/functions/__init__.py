# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Functions and methods of tensors, as operators: what a traced forward may call.

Each is written as the layer that computes the same, whose reader is used.
"""

from sklip.bounds._modules.functions.call import BATCH, Call, Unsupported
from sklip.bounds._modules.functions.table import FUNCTIONS, METHODS

__all__ = ["BATCH", "FUNCTIONS", "METHODS", "Call", "Unsupported"]
