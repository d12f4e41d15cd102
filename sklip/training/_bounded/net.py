# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The net of a bounded network: the common epochs, on averages between them."""

from sklip.training._bounded.optimizer import BoundedOptimizer
from sklip.training._bounded.refit import refit_head
from sklip.training._net import MLPNet

__all__ = ["BoundedNet"]


class BoundedNet(MLPNet):
    """MLPNet of a :class:`BoundedMLP`.

    Parameters
    ----------
    module : type or BoundedMLP
        As skorch takes it.
    averaging : float, default=0.99
        Decay of the average of the weights.
    **kwargs : dict
        As for MLPNet.
    """

    taming = "learning_rate_init"  # there is no penalty, and no gain of the weights

    def __init__(self, module, *, averaging=0.99, **kwargs):
        self.averaging = averaging
        super().__init__(module, **kwargs)

    def initialize_optimizer(self, triggered_directly=None):
        """Steps along the manifold."""
        steepness = self.backprop_.steepness
        self.optimizer_ = BoundedOptimizer(
            self.module_, self.lr, self.averaging, steepness
        )
        return self

    def train(self, data, valid=None, *, stopping=None, epochs=None):
        """As MLPNet's; with a stopping rule the step size follows its schedule."""
        epochs = self.max_epochs if epochs is None else epochs
        batches = len(self.get_iterator(data, training=True))
        self.optimizer_.begin(None if stopping is None else epochs * batches)
        converged = super().train(data, valid, stopping=stopping, epochs=epochs)
        is_regressor = self.module_.lipschitz_bound is not None
        # What was validated, and what is frozen, stays as it is.
        if is_regressor and stopping is not None and valid is None and not self._frozen:
            refit_head(self.module_, data)
        return converged

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """One pass; the module holds the average before and after."""
        if not training:
            super().run_single_epoch(iterator, training, prefix, step_fn, **fit_params)
            return
        frozen = [(p, p.detach().clone()) for p in self._frozen]
        self.optimizer_.resume()
        for parameter, values in frozen:
            parameter.data.copy_(values)  # the average, as it was seen to be frozen
        super().run_single_epoch(iterator, training, prefix, step_fn, **fit_params)
        self.optimizer_.rest()

    def train_step(self, batch, **fit_params):
        """A step, after which frozen parameters are back, and the average."""
        step = super().train_step(batch, **fit_params)
        self.optimizer_.average()
        return step

    def settle(self, network):
        """End a schedule: the network that is deployed is all that counts."""
        self.optimizer_.forget()
        self.module_.load_feedforward(network)
