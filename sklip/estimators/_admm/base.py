# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Base of the multilayer perceptrons that are trained by ADMM (paper 001)."""

from contextlib import contextmanager
from dataclasses import replace
from numbers import Integral, Real

import numpy as np

from sklip._compat import Interval, StrOptions, fit_context
from sklip._documentation import documented
from sklip.bounds import auto_method, lipschitz_bound
from sklip.estimators._admm.checks import (
    check_given,
    check_multipliers,
    check_sectors,
    check_unused,
    given_network,
)
from sklip.estimators._admm.run import ADMMRun, ADMMSettings
from sklip.estimators._mlp import BaseLipschitzMLP
from sklip.estimators._parameters import abstract
from sklip.estimators._shared_docs import FIT
from sklip.estimators._weight import LipschitzWeight
from sklip.exceptions import DivergedTrainingError
from sklip.training import SDP_SOLVERS, ConsensusTerm, CvxpyStep

__all__ = ["ADMMLipschitzMLP"]

_EXPLODED = (
    "The weights of the start exploded: no multipliers can be found for them. Lower "
    "learning_rate_init or init_gain, raise init_alpha, or scale X and y."
)


@documented(FIT)
@abstract
class ADMMLipschitzMLP(LipschitzWeight, BaseLipschitzMLP):
    """Base of the multilayer perceptrons trained by ADMM; for isinstance checks.

    It cannot be instantiated: use :class:`ADMMLipschitzMLPClassifier` or
    :class:`ADMMLipschitzMLPRegressor`.

    Raises
    ------
    TypeError
        If it is instantiated itself.

    Examples
    --------
    >>> from sklip import ADMMLipschitzMLP, ADMMLipschitzMLPClassifier
    >>> isinstance(ADMMLipschitzMLPClassifier(), ADMMLipschitzMLP)
    True
    """

    _parameter_constraints = {
        **BaseLipschitzMLP._parameter_constraints,
        "lipschitz_bound": [Interval(Real, 0, None, closed="neither"), None],
        "lipschitz_weight": [
            StrOptions({"auto"}),
            Interval(Real, 0, None, closed="neither"),
        ],
        "rho": [
            Interval(Real, 0, None, closed="neither"),
            StrOptions({"auto", "balanced"}),
        ],
        "max_admm_iter": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "epochs_per_iter": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "init_alpha": [Interval(Real, 0, None, closed="left")],
        "multipliers": [StrOptions({"lipsdp", "layer"}), list, tuple],
        "refresh_multipliers": [
            Interval(Integral, 0, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "admm_tol": [Interval(Real, 0, None, closed="left")],
        "step_tol": [Interval(Real, 0, None, closed="neither")],
        "sdp_solver": [StrOptions(set(SDP_SOLVERS))],
    }
    _not_of_the_net = frozenset(
        {
            "admm_tol",
            "epochs_per_iter",
            "init_alpha",
            "lipschitz_bound",
            "lipschitz_weight",
            "max_admm_iter",
            "multipliers",
            "refresh_multipliers",
            "rho",
            "sdp_solver",
            "step_tol",
        }
    )

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, coef_init=None, intercept_init=None):
        """Train the network under its Lipschitz bound and certify it.

        Parameters
        ----------
        {X, y, sample_weight}
        coef_init : list of array-like of shape (n_in, n_out), default=None
            Weights of all layers to start from, as in ``coefs_``. They replace the
            training with weight decay that finds the start otherwise.
        intercept_init : list of array-like of shape (n_out,), default=None
            Biases to start from, with ``coef_init``; zero if not given.

        Returns
        -------
        {self}

        Raises
        ------
        {ValueError}
        DivergedTrainingError
            If the loss or the weights stop being finite. The last finite weights,
            projected, can be used with ``warm_start=True``.
        """
        given = given_network(self, coef_init, intercept_init)
        if not self.warm_start or given is not None:
            vars(self).pop("_admm_state", None)
        return self._fit(X, y, sample_weight, given)

    def _check_parameters(self):
        super()._check_parameters()
        sizes = self._hidden_layer_sizes()
        names = self.activation
        check_sectors([names] * bool(sizes) if isinstance(names, str) else names)
        check_multipliers(self.multipliers, sizes)
        check_unused(
            self.lipschitz_bound,
            self.lipschitz_weight,
            self.multipliers,
            self.refresh_multipliers,
        )
        if self.sdp_solver != "native":
            CvxpyStep([1], self.sdp_solver)  # refuses a solver that is not installed

    def _check_given(self, given, n_features, n_outputs):
        check_given(given, (n_features, *self._hidden_layer_sizes(), n_outputs))

    def _make_penalty(self, module):
        return ConsensusTerm(module)

    def _resolved_weight(self, data):
        return 0.0 if self.lipschitz_bound else super()._resolved_weight(data)

    def _max_epochs(self):
        return None  # known once the start has ended

    def _net_options(self):
        return {"can_freeze": False}

    def _not_converged(self):
        return (
            f"The {self.n_admm_iter_} ADMM iterations allowed were used up at "
            f"relative residuals of {self.primal_residuals_[-1]:.1e} (primal) and "
            f"{self.dual_residuals_[-1]:.1e} (dual), above admm_tol="
            f"{self.admm_tol:g}. The bound is proven all the same. Raise max_admm_iter "
            "or admm_tol."
        )

    def _run(self, net, data, valid, stopping, epochs):
        settings = ADMMSettings.of(
            self, str(net.module_.flat.dtype).removeprefix("torch.")
        )
        run = ADMMRun(settings, net, data, valid, self._split_state_of(net))
        earlier = []
        finished = True
        try:
            with _explained_overflow():
                if stopping is None:
                    if run.state is not None:
                        earlier = [self.primal_residuals_, self.dual_residuals_]
                    run.fit_more(len(earlier[0]) if earlier else 0)
                else:
                    finished = run.fit(stopping, epochs)
        except KeyboardInterrupt as error:
            net.end_interrupted(error)
        except DivergedTrainingError:
            with _explained_overflow():
                self._keep(run, earlier, refit=False)
            raise
        with _explained_overflow():
            self._keep(run, earlier, refit=stopping is not None)
        return finished

    def _split_state_of(self, net):
        """Where the last call ended; None if its network was written to since."""
        state = vars(self).get("_admm_state")
        if state is None:
            return None
        present = net.module_.to_feedforward().weights
        same = all(map(np.array_equal, present, state.projected))
        return state if same else None

    def _keep(self, run, earlier, *, refit):
        """Fitted state of ADMM; the network itself is collected from the net."""
        state, self._proof = run.deploy(refit=refit)
        self._start_epochs = run.n_start_epochs
        residuals = [[], []]
        if run.admm is not None:
            residuals = [run.admm.primal_residuals, run.admm.dual_residuals]
        if earlier:
            residuals = [a + b for a, b in zip(earlier, residuals, strict=True)]
        self.primal_residuals_, self.dual_residuals_ = residuals
        self.multipliers_ = [t.copy() for t in state.multipliers]
        self.lmi_bound_ = float(state.bound)
        self._admm_state = state

    def _collect(self, part, before):
        super()._collect(part, before)
        start = vars(self).pop("_start_epochs", 0)
        self.n_admm_iter_ = len(vars(self).get("primal_residuals_", []))
        self.n_iter_ = max(1, start)
        proof = vars(self).pop("_proof", None)
        if proof is not None and proof.network_hash == self.network_.hash:
            self.certificate_ = proof
            self.lipschitz_bound_ = float(proof)

    def __getstate__(self):
        state = super().__getstate__()
        split = state.get("_admm_state")
        streams = getattr(self, "_streams", False)
        if split is not None and "_part" in state and not streams:
            # The certified copy is the network; W and Y need no more than float32.
            state["_admm_state"] = replace(
                split,
                weights=_cast(split.weights, np.float32),
                dual=_cast(split.dual, np.float32),
                projected=_shared(split.projected, self.network_.weights),
            )
            training = dict(state["_training_state"])
            training.pop("optimizer", None)
            state["_training_state"] = training
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        split = vars(self).get("_admm_state")
        if split is not None:
            self._admm_state = replace(
                split,
                weights=_cast(split.weights, np.float64),
                dual=_cast(split.dual, np.float64),
            )

    def _certify(self):
        if self.certificate is None:
            return
        method = self.certificate
        if method == "auto":
            method = auto_method(self.network_)
        if self.certificate_ is not None and self.certificate_.method == method:
            return  # the training ended with it
        certificate = lipschitz_bound(self.network_, method=method)
        if self.certificate_ is None or certificate.value < self.certificate_.value:
            self.certificate_ = certificate
            self.lipschitz_bound_ = float(certificate)


@contextmanager
def _explained_overflow():
    try:
        yield
    except OverflowError as error:
        raise DivergedTrainingError(_EXPLODED) from error


def _cast(arrays, dtype):
    return [np.asarray(array, dtype=dtype) for array in arrays]


def _shared(arrays, others):
    """The other arrays where they are equal: a pickle holds them once."""
    pairs = zip(arrays, others, strict=True)
    return [b if np.array_equal(a, b) else a for a, b in pairs]
