# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Semidefinite bounds of networks of hinges over parts of balls."""

from sklip.bounds._semidefinite.parts import MomentBound, has_moments, moment_bound

__all__ = ["MomentBound", "has_moments", "moment_bound"]
