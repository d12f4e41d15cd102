# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Training in torch and skorch: modules, losses, penalties and the nets."""

from sklip._lazy import lazy_door

# The names are imported in __init__.pyi: editors and type checkers read them there.
__getattr__, __dir__, __all__ = lazy_door(__name__)
