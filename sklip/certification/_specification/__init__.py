# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Specifications: boxes of inputs with unsafe outputs, and their files."""

from sklip.certification._specification.monotone import Monotone
from sklip.certification._specification.specification import Specification

__all__ = ["Monotone", "Specification"]
