# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What several tests of the Lipschitz step start from."""

import numpy as np
import pytest

from sklip.training._lipschitz_step.spectral_ball import SpectralBall


@pytest.fixture
def problem():
    """Maker of a ball of given layer sizes that the targets are well outside of."""

    def make(sizes, size=1.0, price=None):
        rng = np.random.default_rng(0)
        targets = [
            size * rng.standard_normal((m, n))
            for n, m in zip(sizes, sizes[1:], strict=False)
        ]
        multipliers = [rng.uniform(1.0, 4.0, n) for n in sizes[1:-1]]
        slopes = [0.8] * len(multipliers)
        return SpectralBall(targets, multipliers, slopes, 1.5, price)

    return make
