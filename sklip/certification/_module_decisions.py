# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What a classifier with a torch module decides, and how its outputs are rounded."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sklip._floats import lengths
from sklip.bounds import (
    ShapedModule,
    forward_error,
    linear_norm,
    module_bound,
    shaped_errors,
)
from sklip.certification._decided import Decided

__all__ = ["ModuleDecisions", "module_rounding"]


@dataclass(frozen=True)
class ModuleDecisions(Decided):
    """Those of a torch module, whose ``network`` is a ModuleNetwork."""

    # torch.nn.Module, fitted estimator or Pipeline: the user's model.
    model: object = None

    cheapest: ClassVar[str] = "product"
    proofs: ClassVar[str] = "sklip.certification._module_radii"

    def rounding(self):
        """Error of the logits at each sample, and its growth with l2 distance."""
        return module_rounding(self.view, self.inputs)

    def refuse_flips(self):
        """Steps in front of a module are taken as they are."""
        view = self.view
        columns = sorted(frozenset().union(*(group.sources for group in view.groups)))
        if columns:
            names = view.feature_names or range(view.n_features)
            raise ValueError(
                "categorical='flip' needs the fully connected network of module=None: "
                f"in front of a torch module the columns {[names[j] for j in columns]} "
                "are taken as they are. Use categorical='immutable'."
            )


def module_rounding(view, inputs):
    """How far rounding may move a module's outputs.

    Parameters
    ----------
    view : ModuleView
        Of the module, with what stands in front of it.
    inputs : ndarray of shape (n_samples, n_coordinates)
        Encoded samples.

    Returns
    -------
    error : ndarray of shape (n_samples,)
        Bound of the l2 error of the outputs, as the view's network or the model itself
        computes them; the steps in front of the module included.
    growth : float
        At a point at l2 distance r it is larger by at most ``growth * r``.
    """
    network = view.network
    shaped = ShapedModule(network.module, network.input_shape)
    constant, slope = shaped_errors(shaped)[0]
    with np.errstate(over="ignore", invalid="ignore"):
        rows = network.rows(inputs)
        size, lost, scale, rate = lengths(rows), 0.0, 1.0, 0.0
        if network.before is not None:
            lost, rate = forward_error(network.before, inputs, view.rounding)
            scale = linear_norm(network.before, 2)
        elif network.units is not None:
            scale = float(np.max(network.units, initial=0.0))
            lost = 2.0**-52 * size
        # What the steps in front round goes through the module.
        through = module_bound(shaped.module, shaped.input_shape)
        error = constant + slope * (size + lost) + through * lost
        growth = slope * (scale + rate) + through * rate
    return 1.01 * error, 1.01 * float(growth)
