# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What classifier and regressor with the noise loss share."""

import functools
from numbers import Integral, Real

from sklip._compat import HasMethods, Interval, StrOptions
from sklip.estimators._input_shape import warn_of_scale
from sklip.estimators._mlp import BaseLipschitzMLP
from sklip.estimators._module_networks import ModuleNetworkMixin
from sklip.training import (
    MODULES,
    Backprop,
    ModuleBackprop,
    NoiseBackprop,
    NoiseTerm,
    amp_dtype,
)

__all__ = ["BaseNoiseLipschitz"]


class BaseNoiseLipschitz(ModuleNetworkMixin, BaseLipschitzMLP):
    """Parameters of the noise loss, and the pass that computes it; private."""

    _parameter_constraints = {
        **BaseLipschitzMLP._parameter_constraints,
        "noise_std": [Interval(Real, 0, None, closed="neither")],
        "lipschitz_weight": [Interval(Real, 0, None, closed="left")],
        "lipschitz_target": [Interval(Real, 0, None, closed="left")],
        "ratio_space": [StrOptions({"logits", "proba"})],
        "probe": [StrOptions({"gaussian", "power"})],
        "module": [StrOptions(set(MODULES)), HasMethods("forward"), None],
        "input_shape": ["array-like", None],
        "learning_rate_milestones": ["array-like", None],
        "amp": ["boolean", StrOptions({"float16", "bfloat16"})],
    }

    def _check_parameters(self):
        super()._check_parameters()
        if self.module is None and self.input_shape is not None:
            raise ValueError(
                "input_shape is the shape of one sample for a module; with module=None "
                f"samples are rows, so it must be None, got {self.input_shape!r}."
            )
        if self.module is None and self.amp:
            raise ValueError(
                "amp is for the passes of a module; with module=None it must be False, "
                f"got {self.amp!r}."
            )
        milestones = self.learning_rate_milestones
        if milestones is None:
            return
        if not all(isinstance(n, Integral) and n >= 1 for n in milestones):
            raise ValueError(
                "learning_rate_milestones must hold positive whole numbers of epochs, "
                f"got {milestones!r}."
            )
        if self.solver == "lbfgs":
            raise ValueError(
                "learning_rate_milestones needs a stochastic solver ('adam', 'sgd' or "
                "a torch optimizer class), not 'lbfgs'."
            )

    def _validate_samples(self, part, X, y, reset):
        X, y, dtype = super()._validate_samples(part, X, y, reset)
        if reset and self.lipschitz_weight > 0:
            warn_of_scale(X, self.noise_std)
        return X, y, dtype

    def _net_options(self):
        noise = self._noise_term()
        if self.module is not None:
            backprop = functools.partial(
                ModuleBackprop, noise=noise, dtype=amp_dtype(self.amp)
            )
        elif noise is not None:
            backprop = functools.partial(NoiseBackprop, noise=noise)
        else:
            backprop = Backprop
        milestones = tuple(self.learning_rate_milestones or ())
        return {"backprop": backprop, "milestones": milestones}

    def _noise_term(self):
        """The term of the loss; None for standard training, β = 0."""
        if self.lipschitz_weight == 0:
            return None
        return NoiseTerm(
            self.noise_std,
            self.lipschitz_weight,
            self.lipschitz_target,
            self.ratio_space,
            self.probe,
        )
