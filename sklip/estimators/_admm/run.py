# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""One fit by ADMM: start, iterations, and the network that comes out."""

import math
import warnings
from dataclasses import dataclass, fields, replace

import numpy as np
import torch

from sklip.networks import FeedForward
from sklip.training import (
    ADMM,
    FIRST_RHO,
    LipschitzUpdate,
    Refresh,
    StoppingRule,
    certified_network,
    fit_biases,
    full_allowance,
    load_weights,
    rescaled,
    rounded,
    run_admm,
    start_state,
)

__all__ = ["ADMMRun", "ADMMSettings"]

# Most epochs in all iterations of ADMM (iterations with L-BFGS) by "auto", the first
# where the step size falls by itself; most iterations of L-BFGS in a loss step (10a).
_FALLING_EPOCHS, _ADMM_ITERATIONS = 80, 100
_LBFGS_ITERATIONS = 100
# Factor of the step size that start and iterations begin with where it falls: the two
# have fewer epochs each than a training without ADMM, which begins with 3.
_PEAK = 5.0
# Share of max_iter that suffices for a start whose step size falls by itself.
_START_SHARE = 0.5
# Parts of the start between which its weight decay follows the bound, and the relative
# excess over it, by the product of norms, that all of the decay is for.
_START_PARTS, _FULL_DECAY = 16, 9.0
# Batches between two projections at least, by "auto", for each hidden layer: fewer
# hardly move the weights, and a projection would cost more. The second number where so
# many iterations remain; and the fewest iterations in which residuals become
# small while the steps do.
_FEWEST_BATCHES, _ENOUGH_BATCHES = 8, 64
_ENOUGH_ITERATIONS, _FEWEST_ITERATIONS = 12, 8
_BIAS_ITERATIONS = 20
# Values of rho that adapt it.
_RHO_RULES = {"auto": "forces", "balanced": "residuals"}
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
    refresh_multipliers: int | str
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
        names = {field.name for field in fields(cls)} - {"dtype", "lipschitz_weight"}
        values = {name: getattr(estimator, name) for name in names}
        weight = estimator.lipschitz_weight_
        return cls(**values, lipschitz_weight=weight, dtype=dtype)


class ADMMRun:
    """The training of one call of fit or partial_fit.

    Parameters
    ----------
    settings : ADMMSettings
        The estimator's parameters, checked.
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
        net.schedule.highest = _PEAK
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

    def _peak(self, epochs):
        """Factor of the first steps: where it is above 1, fewer epochs are enough."""
        is_free = self.settings.max_admm_iter == "auto" and self.valid is None
        is_free = is_free and self.net.follows_schedule
        return self.net.schedule.peak(epochs) if is_free else 1.0

    def _useful_share(self):
        """Share of the epochs that suffices: twice that without ADMM.

        Start and iterations take half of the epochs each, and the bound keeps the
        weights from learning noise by heart.
        """
        patience, epochs = self.settings.n_iter_no_change, self.settings.max_iter
        return min(1.0, 2.0 * self.net.useful_share(self.data, patience, epochs))

    def fit(self, stopping, epochs):
        """Train the start unless there is one, then iterate; False if unconverged."""
        net = self.net
        # One training for the callbacks: a scheduler sees one optimizer throughout.
        with net.session(self.data):
            if self._state is None and epochs:
                self._train_start(stopping, epochs)
                if net.interrupted:
                    return True
            finished = self._iterate(self._peak(self.settings.max_iter))
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
        net.epoch_label = "Start: epoch"
        if self._peak(epochs) > 1.0:
            share = _START_SHARE * self._useful_share()
            epochs = net.schedule.begin(before, epochs, share=share)
        steers = self.enforced is not None and net.solver != "lbfgs"
        part = math.ceil(epochs / _START_PARTS) if steers else epochs
        for done in range(0, epochs, part):
            if steers:
                net.penalty.weight = self.settings.init_alpha * self._excess()
            if net.run(self.data, self.valid, stopping, min(part, epochs - done)):
                break
        net.schedule.begin(len(net.history), None)
        stopping.restore_best(net.module_)
        self.n_start_epochs = len(net.history) - before
        net.forget_momentum()

    def _excess(self):
        """How far the start is above its bound: 0 within it, 1 from ten times it on.

        Decay that a loose bound does not ask for costs more epochs than there are.
        """
        weights = self.net.module_.weights
        product = math.prod(float(torch.linalg.matrix_norm(w, 2)) for w in weights)
        return min(max((product / self.enforced - 1.0) / _FULL_DECAY, 0.0), 1.0)

    def _iterate(self, peak):
        """All iterations; False if they ran out."""
        net, settings = self.net, self.settings
        epochs_per_iter, n_iter = self._effort()
        self._begin(epochs_per_iter, self._refresh_rule())
        rule = None
        if self.valid is not None:
            rule = StoppingRule(settings.tol, settings.n_iter_no_change, True)
        net.verbose = max(0, int(settings.verbose) - 1)
        net.epoch_label = "Epoch"
        try:
            self._state, finished = run_admm(
                self.admm,
                self.data,
                self.valid,
                n_iter=n_iter,
                rule=rule,
                peak=peak,
                verbose=bool(settings.verbose),
            )
        finally:
            net.verbose = int(settings.verbose)
        self.admm.state = self._state
        return finished

    def _refresh_rule(self):
        """When multipliers are searched; None where they are given, or do not bind."""
        every = self.settings.refresh_multipliers
        is_free = isinstance(self.settings.multipliers, str)
        if not is_free or (every == "auto" and self.enforced is None):
            return None
        return Refresh(every)

    def _effort(self):
        """Epochs of a loss step and number of iterations; "auto" follows max_iter."""
        settings, net = self.settings, self.net
        epochs, n_iter = settings.epochs_per_iter, settings.max_admm_iter
        falls = self._peak(settings.max_iter) > 1.0
        longest = _FALLING_EPOCHS if falls and epochs == "auto" else _ADMM_ITERATIONS
        most = min(longest, settings.max_iter)
        if falls:
            most = math.ceil(most * self._useful_share())
        if epochs != "auto":
            return epochs, most if n_iter == "auto" else n_iter
        if net.solver == "lbfgs":
            epochs = min(_LBFGS_ITERATIONS, settings.max_iter)
            return epochs, most if n_iter == "auto" else n_iter
        n_batches = len(net.get_iterator(self.data, training=True))
        share = max(1, len(net.module_.activation)) / n_batches
        epochs = math.ceil(share * _FEWEST_BATCHES)
        if n_iter == "auto":
            longer = math.ceil(share * _ENOUGH_BATCHES)
            epochs = max(epochs, min(longer, most // _ENOUGH_ITERATIONS))
            if falls:
                epochs = min(epochs, max(1, most // _FEWEST_ITERATIONS))
        epochs = min(epochs, most)
        return epochs, most // epochs if n_iter == "auto" else n_iter

    def fit_more(self, n_before):
        """One iteration; multipliers of an untrained network are soon out of date."""
        every = self.settings.refresh_multipliers
        every = 0 if every == "auto" else every
        is_due = n_before > 0 and (
            n_before & (n_before - 1) == 0 or every and n_before % every == 0
        )
        self._begin(1)
        if is_due and isinstance(self.settings.multipliers, str):
            self.admm.search_multipliers()
        with self.net.session(self.data):
            self.admm.iterate(self.data)

    def deploy(self, *, refit):
        """Put the certified weights into the module; returns state and certificate."""
        net = self.net
        state = self.state
        if state is None:
            state = self._started("sequential")
        load_weights(net.module_, state.projected)
        best, method = None, "admm"
        if refit and not net.interrupted:
            loss = self._refit_biases()
            before = state
            state, best = self._use_allowance(state, loss)
            method = method if state is before else "lipsdp"
        network, certificate = certified_network(
            net.module_.to_feedforward(),
            state,
            self.enforced is not None,
            self.settings.dtype,
            method,
        )
        load_weights(net.module_, network.weights)
        if best is not None and best.network_hash == network.hash:
            # The search ends a millionth above the optimum, which may be the bound.
            certificate = min(best, certificate, key=float)
        return replace(state, projected=list(network.weights)), certificate

    def _refit_biases(self):
        """Loss with the biases that suit the weights best; None if interrupted."""
        try:
            return fit_biases(
                self.net, self.data, max_iter=_BIAS_ITERATIONS, tol=self.settings.tol
            )
        except KeyboardInterrupt as error:
            self.net.end_interrupted(error)
        return None

    def _use_allowance(self, state, loss):
        """State scaled up to the bound, where that lowers the training loss.

        And LipSDP's certificate of its network, where it is known.
        """
        uses_all = (
            self.enforced is not None
            and self.settings.refresh_multipliers == "auto"
            and self.settings.multipliers == "lipsdp"
            and self.valid is None
        )
        module = self.net.module_
        if not uses_all or loss is None:
            return state, None
        network = module.to_feedforward()
        present, scaled, factor = full_allowance(network, state)
        if scaled is None:
            return state, present
        before = module.flat.clone()
        load_weights(module, scaled.projected)
        self._scale_biases(factor)
        found = self._refit_biases()
        if found is not None and found < loss:
            return scaled, None
        module.flat.copy_(before)
        return state, present

    def _scale_biases(self, factor):
        """The patterns of active units stay; the last biases move no hidden unit."""
        for k, bias in enumerate(self.net.module_.biases[:-1], 1):
            bias.mul_(factor**k)

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
        rho = FIRST_RHO if rho in _RHO_RULES else float(rho)
        network = module.to_feedforward()
        weights = [rounded(w, _START_BITS) for w in network.weights]
        network = FeedForward(weights, network.biases, network.activation)
        state = start_state(network, multipliers, self.enforced, rho)
        sizes = [np.linalg.norm(w) for w in (network.weights[0], state.weights[0])]
        self._scale_biases(sizes[1] / sizes[0] if sizes[0] else 1.0)
        return state

    def _rule(self, epochs=1):
        """The rule that looks at the loss once in so many epochs."""
        settings = self.settings
        return StoppingRule(settings.tol, settings.n_iter_no_change / epochs)

    def _begin(self, epochs, refresh=None):
        settings, net = self.settings, self.net
        watched = epochs if self._peak(settings.max_iter) > 1.0 else 1
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
            make_rule=self._rule,
            settled=None if net.solver == "lbfgs" else self._rule(watched),
            balance=_RHO_RULES.get(settings.rho),
            refresh=refresh,
            kind=kind,
        )
