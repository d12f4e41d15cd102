# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Lipschitz-regularized and certified neural networks for scikit-learn."""

from sklip._lazy import lazy_door

# The names are imported in __init__.pyi: editors and type checkers read them there.
__getattr__, __dir__, __all__ = lazy_door(__name__)
