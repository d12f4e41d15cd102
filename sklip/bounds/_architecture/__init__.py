# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Estimates of the Lipschitz constant from the architecture alone."""

from sklip.bounds._architecture.expected import expected_lipschitz, jacobian_variance
from sklip.bounds._architecture.gain import measured_gain
from sklip.bounds._architecture.jacobian_diagnostic import (
    JacobianDiagnostic,
    jacobian_diagnostic,
)

__all__ = [
    "JacobianDiagnostic",
    "expected_lipschitz",
    "jacobian_diagnostic",
    "jacobian_variance",
    "measured_gain",
]
