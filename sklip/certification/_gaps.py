# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""How far each logit is below that of the class a question is about."""

import numpy as np

__all__ = ["logit_gaps"]


def logit_gaps(logits, target):
    """Target's logit minus each logit; inf for the target itself.

    Where numbers overflow it is -inf: nothing is known of their difference.
    """
    rows = np.arange(len(logits))
    with np.errstate(over="ignore", invalid="ignore"):
        gaps = logits[rows, target][:, None] - logits
    gaps[~np.isfinite(gaps)] = -np.inf
    gaps[rows, target] = np.inf
    return gaps
