# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Norms of convolutions are not remembered from one test to the next."""

import pytest

from sklip.bounds._modules import convolution


@pytest.fixture(autouse=True)
def forgotten():
    """Tests change how they are found."""
    convolution._known.clear()
