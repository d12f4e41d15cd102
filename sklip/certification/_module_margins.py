# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Margins of torch modules that hold over balls, by bounds of their layers."""

from sklip.bounds import ModulePropagation
from sklip.certification._local_margins import LocalMargins

__all__ = ["ModuleMargins"]


class ModuleMargins(LocalMargins):
    """As LocalMargins, through the layers of a torch module."""

    _kind = ModulePropagation

    def _hidden_bounds(self, balls, method):
        return self.propagation.hidden_bounds(balls, method)

    def _outputs_lower(self, bounds, rows, **options):
        return self.propagation.outputs_lower(bounds, rows, **options)

    def _rates(self, bounds, rows):
        return self.propagation.falls_from_center(bounds, rows)

    def _optimistic_rates(self, bounds, rows):
        """None: rates of modules are products, which cost no more."""
