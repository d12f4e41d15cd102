# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Fitted state that the user may write to: network, weights, and their certificate."""

from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from sklip._arguments import validate_data
from sklip.networks import FeedForward
from sklip.training import (
    export_training_state,
    pack_history,
    unpack_history,
    without_training_state,
)

__all__ = ["FittedNetwork"]


class _Proven:
    """A number that was proven for one network and holds for no other.

    ``certificate_`` beside it stays: it names its network, and ``verify`` compares.
    """

    def __set_name__(self, owner, name):
        self._name = name

    def __get__(self, model, owner=None):
        if model is None:
            return self
        value = model._fitted(self._name)
        if value is not None and model._proven_hash != model._proof_hash():
            raise AttributeError(
                f"{self._name} was proven for the network that fit made, which has "
                "been changed since: sklip.lipschitz_bound(model) certifies the "
                "present one, and fit or partial_fit train and certify."
            )
        return value

    def __set__(self, model, value):
        vars(model)[self._name] = value
        if value is not None:
            model._proven_hash = model._proof_hash()


class FittedNetwork:
    """What a fitted multilayer perceptron holds, how it is pickled, and its edits.

    Whatever is written to ``coefs_``, ``intercepts_`` or ``network_`` is what predict
    and every bound use from then on; the certificate of fit does not survive it.
    """

    lipschitz_bound_ = _Proven()
    _proven_hash = None

    @property
    def network_(self):
        """The fitted network in float64; prediction and certificate use this object."""
        return self._fitted("_part").network

    @network_.setter
    def network_(self, network):
        if not isinstance(network, FeedForward):
            raise TypeError(f"network_ must be a FeedForward, got {network!r}.")
        ends, outputs = (network.n_inputs, network.n_outputs), self._outputs_of_y()
        if ends != (self.n_features_in_, outputs or network.n_outputs):
            raise ValueError(
                f"network_ takes {ends[0]} features to {ends[1]} outputs, but the "
                f"model was fitted for {self.n_features_in_} features and {outputs} "
                "outputs."
            )
        part = self._fitted("_part")
        part.network = network
        self.n_layers_ = part.n_layers

    @property
    def coefs_(self):
        """Weights, (n_in, n_out) each; ``network_`` follows what is written to them."""
        return self._fitted("_part").arrays.coefs

    @coefs_.setter
    def coefs_(self, coefs):
        self._fitted("_part").arrays.coefs = list(coefs)

    @property
    def intercepts_(self):
        """Biases; ``network_`` follows what is written to them."""
        return self._fitted("_part").arrays.intercepts

    @intercepts_.setter
    def intercepts_(self, intercepts):
        self._fitted("_part").arrays.intercepts = list(intercepts)

    def _proof_hash(self):
        """Hash of the function that a certificate speaks of."""
        return self._fitted("_part").proof_hash

    def _fitted(self, name):
        if name not in vars(self):
            raise NotFittedError(
                f"This {type(self).__name__} instance is not fitted yet. Call 'fit' "
                "with appropriate arguments before using this estimator."
            )
        return vars(self)[name]

    def to_torch(self):
        """The network that predicts, as a torch module in eval mode.

        Returns
        -------
        module : torch.nn.Module
            A copy, independent of the estimator, on the CPU: linear layers and
            activations in float64, or the fitted ``module_``.
        """
        check_is_fitted(self)
        return self._part.to_torch()

    def __sklip_network__(self):
        """The network that predict evaluates, for certificates; None with a module.

        Where ``out_activation_`` is "exp" that of the logarithm of the predictions.
        """
        if not self.__sklearn_is_fitted__():
            return None
        return self._part.stated_network()

    def _collect_curves(self):
        """Attributes of scikit-learn's perceptrons that sum up the history."""
        losses = [record["train_loss"] for record in self.history_]
        scores = [r["valid_score"] for r in self.history_ if "valid_score" in r]
        self.loss_curve_ = losses
        self.loss_ = losses[-1] if losses else None
        self.validation_scores_ = self.best_validation_score_ = self.best_loss_ = None
        if self.early_stopping:
            self.validation_scores_ = scores
            self.best_validation_score_ = max(scores, default=None)
        else:
            self.best_loss_ = min(losses, default=None)

    def _outputs(self, X):
        check_is_fitted(self)
        X, _ = self._part.rows(X)
        X = validate_data(
            self, X, accept_sparse="csr", dtype=self._part.accepted, reset=False
        )
        return self._part.outputs(X)

    def __sklearn_is_fitted__(self):
        return "_part" in vars(self)

    def __getstate__(self):
        state = dict(super().__getstate__())
        if "_part" in state:
            state["_part"] = state["_part"].kept()
        net = state.pop("_net", None)
        if net is not None and self.__sklearn_is_fitted__():
            # Arrays instead of torch objects: trained on a GPU, loaded without one.
            # A stream of partial_fit goes on exactly; after fit, size comes first.
            compact = not getattr(self, "_streams", False)
            state["_training_state"] = export_training_state(net, compact=compact)
            state["_net"] = None
        if "history_" in state:
            state["history_"] = pack_history(state["history_"])
        if "callbacks" in state:
            state["callbacks"] = without_training_state(state["callbacks"])
        return state

    def __setstate__(self, state):
        if isinstance(state.get("history_"), dict):
            state = {**state, "history_": unpack_history(state["history_"])}
        super().__setstate__(state)
