# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The skeleton that all multilayer perceptrons of sklip share."""

import warnings
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from sklip._compat import Interval, StrOptions, check_sample_weight, fit_context
from sklip._threads import limit_threads
from sklip.bounds import METHODS, auto_method, lipschitz_bound
from sklip.estimators._engine import (
    make_mlp,
    make_net,
    net_parameters,
    resolve_batch_size,
    split_validation,
    tensor_data,
)
from sklip.exceptions import DivergedTrainingError
from sklip.networks import FeedForward, get_activation
from sklip.training import (
    MLPNet,
    StoppingRule,
    check_callbacks,
    export_training_state,
    pack_history,
    sequential_module,
    unpack_history,
)

__all__ = ["BaseLipschitzMLP"]

# Hidden neurons up to which certificate="auto" solves LipSDP: a tenth of a second.
_LIPSDP_UP_TO = 128


class BaseLipschitzMLP(BaseEstimator):
    """Parameters, training and fitted state of the estimators; private.

    A family adds its parameters and :meth:`_make_penalty`; the classifier or regressor
    mixin adds how targets are encoded and outputs are read.
    """

    _parameter_constraints = {
        "hidden_layer_sizes": [
            "array-like",
            Interval(Integral, 1, None, closed="left"),
        ],
        "activation": [str, list, tuple],
        "solver": [StrOptions({"adam", "sgd", "lbfgs"}), type],
        "momentum": [Interval(Real, 0, 1, closed="left")],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "init_gain": [Interval(Real, 0, None, closed="neither")],
        "certificate": [StrOptions({"auto", *METHODS}), None],
        "device": [StrOptions({"cpu", "cuda", "auto"})],
        "callbacks": [list, tuple, None],
    }

    def __init__(self, **parameters):
        for name, value in parameters.items():
            setattr(self, name, value)

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Train the network and certify it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training samples. float32 is trained in float32, all else in float64.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Class labels of any type, or regression targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; only their ratios matter to the loss.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If an argument is not allowed, or X or y contain NaN or infinity.
        DivergedTrainingError
            If the loss or the weights stop being finite. The last finite weights are
            kept without a certificate and can be used with ``warm_start=True``.
        """
        return self._fit(X, y, sample_weight)

    def _fit(self, X, y, sample_weight, given=None):
        """What fit does; given is a network to start from, or None."""
        warm = self.warm_start and self.__sklearn_is_fitted__()
        start = self._start if warm and given is None else None
        self._check_parameters(start)
        X, targets, y, sample_weight = self._validate_fit(X, y, sample_weight, not warm)
        if given is not None:
            self._check_given(given, X.shape[1], targets.shape[1])
            start = given
        rng = check_random_state(self.random_state)
        history = self.history_ if warm else None
        self._net = make_net(self, X, targets, rng, network=start, history=history)
        self._streams = False
        data, valid = self._split(X, targets, y, sample_weight, rng)
        stopping = StoppingRule(self.tol, self.n_iter_no_change, self.early_stopping)
        epochs = self.max_iter if given is None else 0
        if not self._train(data, valid, stopping, epochs):
            warnings.warn(self._not_converged(), ConvergenceWarning, stacklevel=4)
        return self

    def _not_converged(self):
        return (
            f"The {self.max_iter} epochs allowed were used up before the training "
            "converged. Raise max_iter or tol."
        )

    def _fit_more(self, X, y, sample_weight, first):
        """One epoch more on these samples; what partial_fit does."""
        self._check_parameters(None if first else self._start)
        if self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True.")
        if self.solver == "lbfgs":
            raise ValueError(
                "partial_fit needs a stochastic solver ('adam', 'sgd' or a torch "
                "optimizer class), not 'lbfgs', which uses all samples at once."
            )
        X, targets, y, sample_weight = self._validate_fit(X, y, sample_weight, first)
        if first:
            rng = check_random_state(self.random_state)
            self._net = make_net(self, X, targets, rng)
        elif self._net_parameters != net_parameters(self):
            self._net = self._remake_net(export_training_state(self.net_))
        self._streams = True
        data = self._tensor_data(X, targets, sample_weight, y)
        self._train(data, None, None, 1)
        return self

    def _train(self, data, valid, stopping, epochs):
        net = self.net_
        before = len(net.history)
        net.batch_size = self._batch_rows(len(data))
        work = net.module_.work * min(net.batch_size, len(data))
        try:
            with limit_threads(work):
                converged = self._run(net, data, valid, stopping, epochs)
        except DivergedTrainingError:
            self._collect(before)
            raise
        self._collect(before)
        try:
            self._certify()
        except OverflowError as error:
            raise DivergedTrainingError(
                f"The weights exploded by epoch {len(net.history)}: their Lipschitz "
                "bound exceeds the largest float64. Lower learning_rate_init or "
                "init_gain, or scale X and y."
            ) from error
        return converged

    def _batch_rows(self, n_samples):
        return resolve_batch_size(self.batch_size, n_samples)

    def _run(self, net, data, valid, stopping, epochs):
        """Train the net; stopping is None in partial_fit. False if not converged."""
        converged = net.train(data, valid, stopping=stopping, epochs=epochs)
        if stopping is not None:
            stopping.restore_best(net.module_)
        return converged

    def _collect(self, before):
        """Move the result of the training from the net to the fitted attributes."""
        net = self.net_
        self._collect_network(net.module_)
        self.history_ = net.history
        self.n_iter_ = max(1, len(net.history) - before)
        self.loss_curve_ = [record["train_loss"] for record in net.history]
        self.certificate_ = self.lipschitz_bound_ = None

    def _collect_network(self, module):
        self.network_ = module.to_feedforward()
        self.n_layers_ = len(self.network_.layer_sizes)
        self.n_outputs_ = self.network_.n_outputs

    def _certify(self):
        if self.certificate is not None:
            method = self.certificate
            if method == "auto":
                method = auto_method(self.network_, up_to=_LIPSDP_UP_TO)
            self.certificate_ = lipschitz_bound(self.network_, method=method)
            self.lipschitz_bound_ = float(self.certificate_)

    def _check_parameters(self, start=None):
        """What the constraints cannot say, before any work is done."""
        sizes = self._hidden_layer_sizes()
        if start is not None and sizes != start.layer_sizes[1:-1]:
            raise ValueError(
                f"hidden_layer_sizes is {sizes}, but the fitted network that "
                f"warm_start or partial_fit goes on with has {start.layer_sizes[1:-1]}."
                " Put it back, or clone the estimator to start anew."
            )
        check_callbacks(self.callbacks)
        names = self.activation
        for name in [names] if isinstance(names, str) else names:
            get_activation(name)
        if isinstance(self.solver, type):
            _check_optimizer_class(self.solver)
        if self.device == "cuda" and not torch.cuda.is_available():
            raise ValueError(
                "device='cuda', but torch sees no GPU here. Use device='cpu', or "
                "'auto' to take a GPU where there is one."
            )

    def _hidden_layer_sizes(self):
        sizes = np.atleast_1d(np.asarray(self.hidden_layer_sizes))
        sizes = sizes.astype(int) if sizes.size == 0 else sizes
        if sizes.ndim != 1 or sizes.dtype.kind not in "iu" or np.any(sizes < 1):
            raise ValueError(
                "hidden_layer_sizes must be positive integers, one for each hidden "
                f"layer, got {self.hidden_layer_sizes!r}."
            )
        if not isinstance(self.activation, str) and len(self.activation) != len(sizes):
            raise ValueError(
                f"activation names {len(self.activation)} layers, but "
                f"hidden_layer_sizes has {len(sizes)}."
            )
        return tuple(int(n) for n in sizes)

    def _validate_fit(self, X, y, sample_weight, reset):
        X, y, dtype = self._validate_samples(X, y, reset)
        targets, y = self._encode_targets(y, dtype, reset)
        if sample_weight is not None:
            sample_weight = check_sample_weight(
                sample_weight, X, dtype=dtype, ensure_non_negative=True
            )
        sample_weight = self._weigh(y, sample_weight)
        if sample_weight is not None and not np.any(sample_weight > 0):
            raise ValueError("sample_weight must have at least one positive entry.")
        return X, targets, y, sample_weight

    def _validate_samples(self, X, y, reset):
        """X as an array, y, and the type of targets and weights."""
        X, y = validate_data(
            self,
            X,
            y,
            dtype=(np.float64, np.float32),
            multi_output=True,
            y_numeric=self._y_numeric,
            reset=reset,
        )
        return X, y, X.dtype

    def _weigh(self, y, sample_weight):
        return sample_weight

    def _split(self, X, targets, y, sample_weight, rng):
        parts = [(X, targets, sample_weight, y)]
        if self.early_stopping:
            parts = split_validation(self, X, targets, sample_weight, y, rng)
        data = [self._tensor_data(*part) for part in parts]
        return data if len(data) == 2 else (data[0], None)

    def _tensor_data(self, X, targets, sample_weight, y):
        flat = self.net_.module_.flat
        return tensor_data(X, targets, sample_weight, y, flat.dtype, flat.device)

    def _make_module(self, generator, X, targets, network):
        """The torch module that the net trains, new or with a network's weights."""
        return make_mlp(self, generator, X, targets, network)

    # Class of the net, and further arguments of it that a family sets.
    _net_class = MLPNet

    def _net_options(self):
        return {}

    # Parameters of a family that another net is not needed for.
    _not_of_the_net: frozenset = frozenset()

    @property
    def _start(self):
        """Fitted state from which warm_start, partial_fit and a new net go on."""
        return self.network_

    def _make_penalty(self, module):
        """Penalty of the family; None for the plain network."""
        return None

    def _outputs(self, X):
        check_is_fitted(self)
        X = validate_data(self, X, dtype=(np.float64, np.float32), reset=False)
        return self.network_.forward(X)

    @property
    def net_(self):
        """The skorch net with the fitted weights; rebuilt after unpickling."""
        if getattr(self, "_net", None) is None:
            check_is_fitted(self)
            self._net = self._remake_net(self._training_state)
        return self._net

    def _remake_net(self, state):
        """A net of the present parameters that goes on from the fitted weights."""
        if self._net_parameters != net_parameters(self):
            # The moments of another optimizer or step size mean nothing.
            state = {"generator": state["generator"]}
        return make_net(
            self,
            rng=np.random.RandomState(0),  # its generator's state comes from state
            network=self._start,
            history=self.history_,
            training_state=state,
        )

    @property
    def network_(self):
        """The network that predicts; another one in its place has no certificate."""
        return self._fitted("network_")

    @network_.setter
    def network_(self, network):
        if not isinstance(network, FeedForward):
            raise TypeError(
                f"network_ must be a FeedForward, got {type(network).__name__}."
            )
        vars(self)["network_"] = network
        # What was proven of the network before says nothing of this one.
        self.certificate_ = self.lipschitz_bound_ = None

    @property
    def coefs_(self):
        """Weights, (n_in, n_out) each: views of ``network_``, transposed."""
        return [w.T for w in self._fitted("network_").weights]

    @property
    def intercepts_(self):
        """Biases of the layers: views of ``network_``."""
        return list(self._fitted("network_").biases)

    def _fitted(self, name):
        if name not in vars(self):
            raise NotFittedError(
                f"This {type(self).__name__} instance is not fitted yet. Call 'fit' "
                "with appropriate arguments before using this estimator."
            )
        return vars(self)[name]

    def to_torch(self):
        """The fitted network as a plain torch module in float64.

        Returns
        -------
        module : torch.nn.Sequential
            Linear layers and activations; a copy, independent of the estimator.
        """
        check_is_fitted(self)
        return sequential_module(self.network_)

    def __sklip_network__(self):
        """The network that predict evaluates, for certificates; None with a module."""
        return vars(self).get("network_")

    def __sklearn_is_fitted__(self):
        return hasattr(self, "network_")

    def __getstate__(self):
        state = dict(super().__getstate__())
        net = state.pop("_net", None)
        if net is not None and self.__sklearn_is_fitted__():
            # Arrays instead of torch objects: trained on a GPU, loaded without one.
            # A stream of partial_fit goes on exactly; after fit, size comes first.
            compact = not getattr(self, "_streams", False)
            state["_training_state"] = export_training_state(net, compact=compact)
            state["_net"] = None
        if "history_" in state:
            state["history_"] = pack_history(state["history_"])
        return state

    def __setstate__(self, state):
        if isinstance(state.get("history_"), dict):
            state = {**state, "history_": unpack_history(state["history_"])}
        super().__setstate__(state)


def _check_optimizer_class(solver):
    if not issubclass(solver, torch.optim.Optimizer):
        raise ValueError(
            "solver must be 'adam', 'sgd', 'lbfgs' or a subclass of "
            f"torch.optim.Optimizer, got {solver!r}."
        )
    if issubclass(solver, torch.optim.LBFGS):
        raise ValueError("torch.optim.LBFGS needs a closure; use solver='lbfgs'.")
