# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""One fit by ADMM: start, iterations, and the network that comes out."""

import warnings
from dataclasses import dataclass, fields, replace

import numpy as np
import torch

from sklip.networks import FeedForward
from sklip.training import (
    ADMM,
    LipschitzUpdate,
    StoppingRule,
    certified_network,
    fit_biases,
    load_weights,
    rescaled,
    rounded,
    run_admm,
    start_state,
)

__all__ = ["ADMMRun", "ADMMSettings"]

# Most iterations of ADMM, and of L-BFGS in a loss step (10a), by "auto"; those in the
# last fit of the biases.
_ADMM_ITERATIONS = 100
_LBFGS_ITERATIONS = 100
_BIAS_ITERATIONS = 20
# Values of rho that adapt it, and where they start.
_RHO_RULES = {"auto": "forces", "balanced": "residuals"}
_FIRST_RHO = 0.03
# Significant bits of the weights from which multipliers are found.
_START_BITS = 24


@dataclass(frozen=True)
class ADMMSettings:
    """Parameters of :class:`ADMMLipschitzMLP` that a training reads, by their names.

    ``dtype`` is the type of the weights that are deployed.
    """

    lipschitz_bound: float | None
    lipschitz_weight: float
    rho: float | str
    max_admm_iter: int | str
    epochs_per_iter: int | str
    init_alpha: float
    multipliers: str | list
    refresh_multipliers: int
    admm_tol: float
    step_tol: float
    sdp_solver: str
    max_iter: int
    tol: float
    n_iter_no_change: float
    verbose: int
    dtype: str

    @classmethod
    def of(cls, estimator, dtype):
        """The settings of an estimator."""
        names = (field.name for field in fields(cls) if field.name != "dtype")
        return cls(**{name: getattr(estimator, name) for name in names}, dtype=dtype)


class ADMMRun:
    """The training of one call of fit or partial_fit.

    Parameters
    ----------
    settings : ADMMSettings
        The parameters.
    net : MLPNet
        Initialised; its module holds the start, and the result of :meth:`deploy`.
    data, valid : TensorData
        Training samples, and held-out ones or None.
    state : SplitState, default=None
        Where an earlier call ended.
    """

    def __init__(self, settings, net, data, valid=None, state=None):
        self.settings = settings
        self.net = net
        self.data = data
        self.valid = valid
        self.enforced = settings.lipschitz_bound
        self._state = self._resumed(state) if state is not None else None
        self.admm = None
        self.n_start_epochs = 0

    @property
    def state(self):
        """What the last complete iteration left; None before the first multipliers."""
        return self._state if self.admm is None else self.admm.state

    def fit(self, stopping, epochs):
        """Train the start unless there is one, then iterate; False if unconverged."""
        net = self.net
        # One training for the callbacks: a scheduler sees one optimizer throughout.
        with net.session(self.data, self.valid):
            if self._state is None and epochs:
                self._train_start(stopping, epochs)
                if net.interrupted:
                    return True
            finished = self._iterate()
            left = net.module_.flat.clone()
        if not torch.equal(left, net.module_.flat):
            warnings.warn(
                "A callback has put other weights back at the end of the training. "
                "They are not used: ADMM deploys the weights that it has proven.",
                stacklevel=7,
            )
        return finished

    def _train_start(self, stopping, epochs):
        """Training with weight decay, whose weights ADMM starts from."""
        net = self.net
        net.penalty.weight = self.settings.init_alpha
        before = len(net.history)
        net.run(self.data, self.valid, stopping, epochs)
        stopping.restore_best(net.module_)
        self.n_start_epochs = len(net.history) - before
        net.forget_momentum()

    def _iterate(self):
        """All iterations; False if they ran out."""
        net, settings = self.net, self.settings
        period = settings.refresh_multipliers
        epochs_per_iter, n_iter = self._effort()
        self._begin(epochs_per_iter, lambda n: period and n and n % period == 0)
        rule = None
        if self.valid is not None:
            rule = StoppingRule(settings.tol, settings.n_iter_no_change, True)
        net.verbose = max(0, int(settings.verbose) - 1)
        try:
            self._state, finished = run_admm(
                self.admm,
                self.data,
                self.valid,
                n_iter=n_iter,
                rule=rule,
                verbose=bool(settings.verbose),
            )
        finally:
            net.verbose = int(settings.verbose)
        self.admm.state = self._state
        return finished

    def _effort(self):
        """Epochs of a loss step and number of iterations; "auto" follows max_iter."""
        settings = self.settings
        epochs, n_iter = settings.epochs_per_iter, settings.max_admm_iter
        if epochs == "auto":
            most = _LBFGS_ITERATIONS if self.net.solver == "lbfgs" else 1
            epochs = min(most, settings.max_iter)
        if n_iter == "auto":
            n_iter = min(_ADMM_ITERATIONS, settings.max_iter)
        return epochs, n_iter

    def fit_more(self, n_before):
        """One iteration; multipliers of an untrained network are soon out of date."""
        period = self.settings.refresh_multipliers

        def refresh(_):
            return n_before > 0 and (
                n_before & (n_before - 1) == 0 or period and n_before % period == 0
            )

        self._begin(1, refresh)
        with self.net.session(self.data):
            self.admm.iterate(self.data)

    def deploy(self, *, refit):
        """Put the certified weights into the module; returns state and certificate."""
        net = self.net
        state = self.state
        if state is None:
            state = self._started("sequential")
        load_weights(net.module_, state.projected)
        if refit and not net.interrupted:
            self._refit_biases()
        network, certificate = certified_network(
            net.module_.to_feedforward(),
            state,
            self.enforced is not None,
            self.settings.dtype,
        )
        load_weights(net.module_, network.weights)
        return replace(state, projected=list(network.weights)), certificate

    def _refit_biases(self):
        try:
            fit_biases(
                self.net, self.data, max_iter=_BIAS_ITERATIONS, tol=self.settings.tol
            )
        except KeyboardInterrupt as error:
            self.net.end_interrupted(error)

    def _resumed(self, state):
        if self.settings.rho not in _RHO_RULES:
            state = replace(state, rho=float(self.settings.rho))
        if not isinstance(self.settings.multipliers, str):
            given = [np.array(t, dtype=float) for t in self.settings.multipliers]
            state = replace(
                state, multipliers=given, bound=self.enforced or state.bound
            )
        if self.enforced is not None and state.bound != self.enforced:
            state = rescaled(state, self.enforced)
        return state

    def _started(self, multipliers):
        """State at the module's present weights, whose biases are scaled with them."""
        module, rho = self.net.module_, self.settings.rho
        rho = _FIRST_RHO if rho in _RHO_RULES else float(rho)
        network = module.to_feedforward()
        weights = [rounded(w, _START_BITS) for w in network.weights]
        network = FeedForward(weights, network.biases, network.activation)
        state = start_state(network, multipliers, self.enforced, rho)
        sizes = [np.linalg.norm(w) for w in (network.weights[0], state.weights[0])]
        factor = sizes[1] / sizes[0] if sizes[0] else 1.0
        # The patterns of active units stay; the last biases move no hidden unit.
        for k, bias in enumerate(module.biases[:-1], 1):
            bias.mul_(factor**k)
        return state

    def _begin(self, epochs, refresh):
        settings, net = self.settings, self.net
        kind = settings.multipliers
        given = not isinstance(kind, str)
        if self._state is None:
            self._state = self._started(kind)
        update = LipschitzUpdate(
            net.module_.to_feedforward(),
            bound=self.enforced,
            weight=settings.lipschitz_weight,
            tol=settings.step_tol,
            solver=settings.sdp_solver,
            dtype=settings.dtype,
        )
        if given:  # the start need not be feasible for these
            state = self._state
            projected, bound = update(state.weights, state.multipliers, state.rho)
            self._state = replace(state, projected=projected, bound=bound)
        self.admm = ADMM(
            net,
            self._state,
            update,
            epochs=epochs,
            tol=settings.admm_tol,
            make_rule=lambda: StoppingRule(settings.tol, settings.n_iter_no_change),
            balance=_RHO_RULES.get(settings.rho),
            refresh=None if given else refresh,
            kind=kind,
        )
