# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Branch and bound over boxes of inputs through the layers of a torch module."""

import numpy as np
import torch

from sklip.bounds import ModulePropagation
from sklip.certification._branching.input_splits import InputSplits
from sklip.certification._module_decisions import module_rounding

__all__ = ["ModuleSplits"]

# Boxes between two looks at the clock: each has a propagation of its own.
_BLOCK = 8
# The search for an unsafe output.
_N_STEPS, _N_RESTARTS = 20, 5


class ModuleSplits(InputSplits):
    """Settles one box of a specification for a torch module.

    Parameters
    ----------
    view : ModuleView
        The model, whose coordinates are its inputs.
    case : Specification
        Of one box.
    n_slope_steps : int, default=0
        Steps of ascent on the slopes of the lines, for each row of an unsafe
        polyhedron: for a box that is not halved.
    """

    def __init__(self, view, case, n_slope_steps=0):
        self.view, self.n_slope_steps = view, n_slope_steps
        self._ask(view.network, case, lambda _: _BLOCK)
        self._search()

    def _bounds(self, lower, upper):
        centers = 0.5 * lower + 0.5 * upper
        halves = np.maximum(upper - centers, centers - lower)
        # One rounding of the difference; nothing is lost where it is exactly zero.
        halves = np.where(halves > 0.0, np.nextafter(halves, np.inf), 0.0)
        found = np.stack(list(map(self._lower, centers, halves)))
        rounding = module_rounding(self.view, centers)
        directions = self.matrix @ self.network.jacobian(centers)
        return self._margins(found, halves, rounding), directions

    def _lower(self, center, half):
        """Proven lower bounds of all rows over a box: parts of a ball of l-infinity."""
        radius = half.max(initial=0.0)
        # Rounded up, but where the share is all of the radius.
        share = np.minimum(np.nextafter(half / max(radius, 1e-300), np.inf), 1.0)
        share[half == 0.0] = 0.0
        propagation = ModulePropagation(
            self.network, np.inf, half > 0.0, shares=(share, share)
        )
        rows = propagation.tensor(self.matrix)[None]
        # No less than share * radius >= half needs, with both products rounded.
        balls = propagation.balls(center[None], [radius * (1.0 + 2.0**-50)])
        with torch.no_grad():
            bounds = propagation.hidden_bounds(balls, "crown")
            found = propagation.outputs_lower(bounds, rows, n_steps=self.n_slope_steps)
        return found[0].cpu().numpy()

    def _search(self):
        """Signed gradient steps towards each unsafe polyhedron, from random starts."""
        lower, upper, rng = self.case.lower, self.case.upper, np.random.default_rng(0)
        n_clauses = len(self.case.clauses)
        starts = rng.uniform(size=(_N_RESTARTS * n_clauses, len(lower)))
        points = np.clip(lower + starts * (upper - lower), lower, upper)
        clauses = np.arange(len(points)) % n_clauses
        for step in np.geomspace(0.5, 0.02, _N_STEPS):
            outputs, pull_back = self.network.linearise(points)
            self.keep(points, outputs)
            if self.point is not None:
                return
            slopes = np.sign(pull_back(self._rows_to_lower(outputs, clauses)))
            points = np.clip(points - step * slopes * (upper - lower), lower, upper)

    def _rows_to_lower(self, outputs, clauses):
        """Of each point's polyhedron the row that is exceeded most."""
        excess = outputs @ self.matrix.T - self.limits
        excess = np.where(self.owner == clauses[:, None], excess, -np.inf)
        if not len(self.limits):
            return np.zeros_like(outputs)
        return self.matrix[excess.argmax(axis=1)]
