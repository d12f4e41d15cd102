# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What a merged matrix may have lost: two roundings for each merger, by its size."""

import numpy as np
import pytest

from sklip._floats import SAFETY, UNIT
from sklip.bounds._modules.operators import Dense


@pytest.mark.parametrize("norm", [1.0, 2.0, np.inf])
@pytest.mark.parametrize("roundings", [0, 1, 1000])
def test_each_merger_counts(norm, roundings):
    """The bounds of the identity are exact."""
    dense = Dense(np.eye(4), None, True, roundings)
    size = 2.0 if norm == 2.0 else 1.0  # Frobenius
    lost = SAFETY * 2.0 * roundings * UNIT * size
    before = Dense(np.eye(4), None, True).norm_bound(norm)
    found = dense.norm_bound(norm)
    assert lost - UNIT <= found - before <= lost + UNIT * 4.0
    assert dense.scaled(rows=np.ones(4)).roundings == roundings + 1
