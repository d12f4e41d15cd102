# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Branch and bound with all its parts."""

import pytest


@pytest.fixture
def branching_effort():
    """Overrides the short one of all other tests."""
