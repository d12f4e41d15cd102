# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The skeleton that all multilayer perceptrons of sklip share."""

import functools
import warnings
from numbers import Integral

from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from sklip._arguments import check_device
from sklip._compat import fit_context
from sklip._documentation import documented
from sklip._threads import limit_threads
from sklip.estimators._engine import (
    continue_net,
    resolve_batch_size,
)
from sklip.estimators._fitted import FittedNetwork
from sklip.estimators._held_net import HeldNet
from sklip.estimators._parameters import (
    PARAMETER_CONSTRAINTS,
    DocumentedCallbacks,
    check_activations,
    check_solver,
    layer_sizes,
)
from sklip.estimators._parts import DensePart
from sklip.estimators._samples import CheckedSamples
from sklip.estimators._shared_docs import FIT
from sklip.exceptions import DivergedTrainingError
from sklip.training import (
    LOG_LINK_LOSSES,
    EpochHooks,
    StoppingRule,
    check_callbacks,
    export_training_state,
    is_second_signal,
)

__all__ = ["BaseLipschitzMLP"]


@documented(FIT)
class BaseLipschitzMLP(
    CheckedSamples,
    HeldNet,
    FittedNetwork,
    DocumentedCallbacks,
    CallbackSupportMixin,
    BaseEstimator,
):
    """Parameters, training and fitted state of the estimators; private.

    A family adds its parameters and :meth:`_make_penalty`; the classifier or regressor
    mixin adds how targets are encoded and outputs are read.
    """

    _parameter_constraints = PARAMETER_CONSTRAINTS

    _is_clone = False

    def _store(self, arguments):
        """Keep the arguments of a constructor, given as its ``locals()``."""
        # Not by the names of type(self): a subclass may have another constructor.
        for name, value in arguments.items():
            if name not in ("self", "__class__"):
                setattr(self, name, value)

    def __sklearn_clone__(self):
        # Fits of clones are part of something larger, such as a search: Ctrl-C ends it.
        clone = super().__sklearn_clone__()
        clone._is_clone = True
        return clone

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Train the network and certify it.

        Parameters
        ----------
        {X, y, sample_weight}

        Returns
        -------
        {self}

        Raises
        ------
        {ValueError}
        DivergedTrainingError
            If the loss or the weights stop being finite. The last finite weights are
            kept without a certificate and can be used with ``warm_start=True``.
        """
        return self._fit(X, y, sample_weight)

    @with_callbacks
    def _fit(self, X, y, sample_weight, given=None):
        """What fit does; given is a network to start from, or None."""
        context = self._init_callback_context(max_subtasks=self._max_epochs())
        given_data = {"X": X, "y": y}
        context.call_on_fit_task_begin(estimator=self, **given_data)
        warm = self.warm_start and self.__sklearn_is_fitted__()
        self._check_parameters()
        part = self._new_part()
        if warm and given is None:
            part.go_on(self._part)
        X, targets, y, sample_weight = self._validate_fit(
            part, X, y, sample_weight, not warm
        )
        if given is not None:
            self._check_given(given, X.shape[1], targets.shape[1])
            part.network = given
        rng = check_random_state(self.random_state)
        streams = self._streams_so_far() if warm else None
        self._net = self._make_net(part, rng, X, targets)
        if warm:
            continue_net(self._net, self.history_, self.t_, streams)
        self._begin_training(part, context, given_data)
        self._streams = False
        data, valid = self._split(part, X, targets, y, sample_weight, rng)
        stopping = StoppingRule(self.tol, self.n_iter_no_change, self.early_stopping)
        epochs = self.max_iter if given is None else 0
        if not self._train(part, data, valid, stopping, epochs):
            warnings.warn(self._not_converged(), ConvergenceWarning, stacklevel=5)
        context.call_on_fit_task_end(estimator=self, **given_data)
        return self

    def _max_epochs(self):
        """Epochs that fit may take, for scikit-learn's callbacks; None is unknown."""
        return self.max_iter

    def _begin_training(self, part=None, context=None, given_data=None):
        """Note what the new net stands for."""
        seed = self.random_state
        self._seeded_by = seed if isinstance(seed, Integral) else None
        self._net_hash = None
        if context is not None and hasattr(self, "_skl_callbacks"):
            attributes = functools.partial(self._network_attributes, part)
            hooks = EpochHooks(self, context, given_data, attributes)
            self._net.callbacks_.append(("EpochHooks", hooks))

    def _not_converged(self):
        return (
            f"The {self.max_iter} epochs allowed were used up before the training "
            "converged. Raise max_iter or tol."
        )

    def _fit_more(self, X, y, sample_weight, first):
        """One epoch more on these samples; what partial_fit does."""
        self._check_parameters()
        part = self._new_part() if first else self._new_part().go_on(self._part)
        if self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True.")
        X, targets, y, sample_weight = self._validate_fit(
            part, X, y, sample_weight, first
        )
        if first:
            rng = check_random_state(self.random_state)
            self._net = self._make_net(part, rng, X, targets)
            self._begin_training()
        elif self._net_parameters != self._parameters_of_net():
            self._net = self._remake_net(export_training_state(self.net_))
        self._streams = True
        rule = self.net_.stream_rule
        rule.tol, rule.n_iter_no_change = self.tol, self.n_iter_no_change
        data = self._tensor_data(part, X, targets, sample_weight, y)
        self._train(part, data, None, None, 1)
        return self

    def _train(self, part, data, valid, stopping, epochs):
        net = self.net_
        before = len(net.history)
        net.batch_size = self._batch_rows(len(data))
        auto = self.batch_size == "auto"
        net.nominal_batch_size = 200 if auto else self.batch_size
        work = net.module_.work * min(net.batch_size, len(data))
        try:
            with limit_threads(work):
                converged = self._run(net, data, valid, stopping, epochs)
        except DivergedTrainingError:
            self._collect(part, before)
            raise
        self._collect(part, before)
        if net.signalled and (self._is_clone or is_second_signal()):
            raise KeyboardInterrupt  # what is around this fit ends as well
        try:
            self._certify()
        except OverflowError as error:
            raise DivergedTrainingError(
                f"The weights exploded by epoch {len(net.history)}: their Lipschitz "
                f"bound exceeds the largest float64. Lower {net.taming}, "
                "or scale X and y."
            ) from error
        return converged

    def _batch_rows(self, n_samples):
        return resolve_batch_size(self.batch_size, n_samples)

    def _run(self, net, data, valid, stopping, epochs):
        """Train the net; stopping is None in partial_fit. False if not converged."""
        return net.train(data, valid, stopping=stopping, epochs=epochs)

    def _collect(self, part, before):
        """Move the result of the training from the net to the fitted attributes."""
        net = self.net_
        self._collect_network(part, net.module_)
        self._net_hash = self._part.hash
        self.history_ = net.history
        self.n_iter_ = max(1, len(net.history) - before)
        self.t_ = net.samples_seen
        self._collect_curves()
        self.certificate_ = self.lipschitz_bound_ = None

    def _collect_network(self, part, module):
        for name, value in self._network_attributes(part, module).items():
            setattr(self, name, value)

    def _network_attributes(self, part, module):
        """Fitted attributes that hold the network of a module in training."""
        collected = part.collect(module)
        return {
            "_part": collected,
            "n_layers_": collected.n_layers,
            "n_outputs_": collected.n_outputs,
            "out_activation_": "exp" if self.loss in LOG_LINK_LOSSES else self._link,
        }

    def _certify(self):
        if self.certificate is None:
            return
        self.certificate_ = self._part.certificate(self, self.certificate)
        if self.certificate_ is not None:
            self.lipschitz_bound_ = float(self.certificate_)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _check_parameters(self):
        """What the constraints cannot say, before any work is done."""
        self._hidden_layer_sizes()
        check_callbacks(self.callbacks)
        check_activations(self.activation)
        check_solver(self.solver)
        check_device(self.device)

    def _new_part(self):
        """What the present parameters ask for, without weights."""
        return DensePart(
            self._hidden_layer_sizes(), self.activation, self.init_gain, self.device
        )

    def _hidden_layer_sizes(self):
        return layer_sizes(self.hidden_layer_sizes, self.activation)
