# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""All kinds of cases: the files that define some, imported once."""

from . import graphs, models, still  # noqa: F401
from .cases import KINDS, describe

__all__ = ["KINDS", "describe"]
