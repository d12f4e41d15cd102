# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Lower bounds of the Lipschitz constant with the effort that users get."""

import pytest


@pytest.fixture
def climbing_effort():
    """Overrides the short one of all other tests."""
