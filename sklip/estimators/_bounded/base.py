# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What classifier and regressor of orthonormal layers share."""

import functools
import math
from numbers import Integral, Real

from sklip._compat import Interval, StrOptions
from sklip.bounds import BOUND_METHODS, lipschitz_bound
from sklip.estimators._bounded.part import BoundedPart
from sklip.estimators._mlp import BaseLipschitzMLP
from sklip.training import (
    BoundedBackprop,
    BoundedNet,
    StoppingRule,
)

__all__ = ["BaseBoundedMLP"]

_KEPT_PARAMETERS = (
    "hidden_layer_sizes",
    "learning_rate_init",
    "max_iter",
    "random_state",
    "tol",
    "verbose",
    "warm_start",
    "early_stopping",
    "validation_fraction",
    "n_iter_no_change",
    "device",
    "callbacks",
)


class BaseBoundedMLP(BaseLipschitzMLP):
    """Parameters of the training along orthonormal matrices; private."""

    _parameter_constraints = {
        **{k: BaseLipschitzMLP._parameter_constraints[k] for k in _KEPT_PARAMETERS},
        "input_noise": [Interval(Real, 0, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "averaging": [Interval(Real, 0, 1, closed="left")],
        "certificate": [StrOptions({"auto", "best", "pairwise", *BOUND_METHODS}), None],
    }
    _net_class = BoundedNet
    # What other families choose is fixed here.
    activation, solver, alpha, momentum, shuffle = "abs", "adam", 0.0, 0.9, True
    nesterovs_momentum, beta_1, beta_2, epsilon = True, 0.9, 0.999, 1e-8
    learning_rate, power_t, max_fun = "constant", 0.5, None

    def _new_part(self):
        return BoundedPart(
            self._hidden_layer_sizes(), self._module_options(), self.device
        )

    def _validate_fit(self, part, X, y, sample_weight, reset):
        X, targets, y, sample_weight = super()._validate_fit(
            part, X, y, sample_weight, reset
        )
        part.labels = self._is_multilabel
        if reset:
            part.measure(X, targets, sample_weight)
        return X, targets, y, sample_weight

    def _backprop(self, **options):
        return functools.partial(
            BoundedBackprop, input_noise=self.input_noise, **options
        )

    def _batch_rows(self, n_samples):
        return min(self.batch_size, n_samples)

    def _run(self, net, data, valid, stopping, epochs):
        if stopping is None:
            return super()._run(net, data, valid, None, epochs)
        if not self.early_stopping:
            # The step size has its own end: nothing is gained by stopping before.
            stopping = StoppingRule(0.0, math.inf)
        super()._run(net, data, valid, stopping, epochs)
        return True

    def _collect_network(self, part, module):
        super()._collect_network(part, module)
        if not self._streams:
            # As if unpickled: further training goes on from the network deployed.
            self._net.settle(self.network_)

    def _certify(self):
        if self.certificate is None:
            return
        self.certificate_ = lipschitz_bound(self.network_, method="product")
        if self.certificate not in ("auto", "pairwise"):
            other = lipschitz_bound(self.network_, method=self.certificate)
            self.certificate_ = min(other, self.certificate_, key=float)
        self.lipschitz_bound_ = float(self.certificate_)
