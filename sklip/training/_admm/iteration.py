# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Training by the alternating direction method of multipliers ((10) of paper 001)."""

from dataclasses import replace

import torch

from sklip.networks import FeedForward
from sklip.training._admm.rho import adapted_rho, norm, rho_that_binds
from sklip.training._admm.state import refreshed

__all__ = ["ADMM", "load_weights", "module_weights"]


class ADMM:
    """The iteration; each ``state`` that it leaves can be deployed.

    Parameters
    ----------
    net : MLPNet
        Initialised, with a :class:`ConsensusTerm` as penalty, inside a session.
    state : SplitState
        Where to start.
    update : LipschitzUpdate
        Step (10b).
    epochs : int
        Epochs (iterations of L-BFGS) of a loss step (10a).
    tol : float
        Relative primal and dual residual at which to stop, ...
    settled : StoppingRule, default=None
        ... once it says that the training loss has come to rest; None where loss steps
        are solved, so that residuals alone tell.
    make_rule : callable
        ``make_rule()`` is the StoppingRule of one loss step.
    balance : {"forces", "residuals"} or None, default=None
        How rho is adapted; None keeps it.
    refresh : Refresh, default=None
        Says whether better multipliers are searched now; None never.
    kind : {"lipsdp", "layer"}, default="lipsdp"
        How they are found.
    """

    def __init__(
        self,
        net,
        state,
        update,
        *,
        epochs,
        tol,
        make_rule,
        settled=None,
        balance=None,
        refresh=None,
        kind="lipsdp",
    ):
        self.net = net
        self.state = state
        self.update = update
        self.epochs = epochs
        self.tol = tol
        self.make_rule = make_rule
        self.settled = settled
        self.balance = balance
        self.refresh = refresh
        self.kind = kind
        self.growth, self._grown = None, 1.0  # of rho, in an iteration and in all
        self.primal_residuals, self.dual_residuals = [], []
        self.n_iter = 0
        load_weights(net.module_, state.weights)

    def iterate(self, data, valid=None):
        """One iteration (10a)-(10c); True if it was the last one that is needed."""
        if self.refresh is not None and self.refresh(self.n_iter, self.state):
            self.refresh.found(self.n_iter, self.search_multipliers())
        before = self.state
        weights = self._loss_step(before, data, valid)
        # Completing the square: (10b) is the projection of W + Y / rho.
        targets = _plus(weights, before.dual, 1.0 / before.rho)
        projected, bound = self.update(targets, before.multipliers, before.rho)
        self.state = replace(
            before,
            weights=weights,
            projected=projected,
            # (10c) with Y shaped like W: Y + rho (W - projected).
            dual=[before.rho * d for d in _plus(targets, projected, -1.0)],
            bound=bound,
        )
        self.n_iter += 1
        self._record(before)
        residuals = self.primal_residuals[-1], self.dual_residuals[-1]
        # After the update of Y, which belongs to the rho of this iteration.
        rho = adapted_rho(self.balance, self.state, *residuals)
        rho = rho_that_binds(self.balance, before, replace(self.state, rho=rho))
        if self.growth is not None and self.balance == "forces":
            rho = before.rho * self.growth
            self._grown *= self.growth
        self.state = replace(self.state, rho=rho)
        return self._is_done()

    def undo_growth(self):
        """Let a training that goes on begin with rho as it was before it grew."""
        self.state = replace(self.state, rho=self.state.rho / self._grown)
        self.growth, self._grown = None, 1.0

    def _loss_step(self, state, data, valid):
        self.net.penalty.set(state.rho, state.projected, state.dual)
        self.net.run(data, valid, self.make_rule(), self.epochs)
        return module_weights(self.net.module_)

    def _record(self, before):
        state = self.state
        gap = norm(_plus(state.weights, state.projected, -1.0))
        size = max(norm(state.weights), norm(state.projected))
        move = state.rho * norm(_plus(state.projected, before.projected, -1.0))
        force = max(norm(state.dual), state.rho * norm(state.projected))
        self.primal_residuals.append(gap / size if size else 0.0)
        self.dual_residuals.append(move / force if force else 0.0)
        record = self.net.history.record
        record("primal_residual", self.primal_residuals[-1])
        record("dual_residual", self.dual_residuals[-1])
        record("lmi_bound", state.bound)

    @property
    def converged(self):
        """Whether both residuals are small."""
        return max(self.primal_residuals[-1], self.dual_residuals[-1]) <= self.tol

    def _is_done(self):
        rests = True
        if self.settled is not None:
            # A short loss step hardly moves the weights: small residuals alone say
            # little of it.
            rests = self.settled.update(self.net.history[-1], self.net.module_)
        done = self.converged and rests
        return done or self.net.asked_to_stop or self.net.interrupted

    def search_multipliers(self):
        """Find better ones; returns which share of the bound they prove to be used."""
        # The projected weights are the ones that are deployed, so theirs is the bound
        # to tighten; no bound depends on the biases.
        network = FeedForward(self.state.projected, None, self.net.module_.activation)
        enforce = self.update.bound is not None
        self.state, share = refreshed(self.state, network, self.kind, enforce)
        return share


def module_weights(module):
    """Weights of a FlatMLP as float64 arrays."""
    return [w.cpu().double().numpy().copy() for w in module.weights]


def load_weights(module, weights):
    """Copy arrays into a FlatMLP."""
    for tensor, array in zip(module.weights, weights, strict=True):
        tensor.copy_(torch.tensor(array))


def _plus(a, b, factor):
    return [x + factor * y for x, y in zip(a, b, strict=True)]
