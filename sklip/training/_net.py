# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The skorch net inside the estimators: skorch's verbs on a lean epoch loop."""

import math

from skorch import NeuralNet
from skorch.callbacks import PrintLog

from sklip.training._callbacks import KeptParameters, check_module, named_callbacks
from sklip.training._data import BatchIterator, TensorData, row_blocks
from sklip.training._losses import LossModule
from sklip.training._optimizers import make_optimizer
from sklip.training._passes import Backprop
from sklip.training._records import RecordedNet
from sklip.training._schedule import Schedule
from sklip.training._scoring import ScoredNet
from sklip.training._sessions import NetSessions
from sklip.training._steps import SteppedNet
from sklip.training._stopping import StoppingRule

__all__ = ["MLPNet"]


class MLPNet(NetSessions, SteppedNet, RecordedNet, ScoredNet, NeuralNet):
    """skorch net of a :class:`FlatMLP`, trained without autograd.

    skorch keeps its part (initialisation, history, callbacks, saving); batches, epoch
    loop, backward pass and update are ours, because on small networks they are most
    of the time. Callbacks' batch hooks run only where a callback defines them.

    Parameters
    ----------
    module : type or FlatMLP
        As skorch takes it.
    loss : str
        A key of :data:`LOSSES`.
    solver : {"adam", "sgd"} or type
        Method or torch optimizer class.
    optimizer_options : dict
        Further arguments of :func:`make_optimizer`.
    alpha : float
        Weight of the L2 term.
    penalty : Penalty or None
        Penalty on the Lipschitz constant.
    backprop : callable
        ``backprop(module, loss, alpha)`` makes the Pass that gives the gradient.
    schedule : Schedule
        Factors of the step size.
    max_fun : int
        Evaluations that lbfgs may use; None for ten an iteration.
    can_freeze : bool
        Whether callbacks may freeze parameters.
    shuffle : bool
        Draw a new order of the samples in each epoch.
    generator : torch.Generator
        Source of that order.
    **kwargs : dict
        skorch's own parameters (lr, max_epochs, batch_size, callbacks, device).
    """

    def __init__(
        self,
        module,
        *,
        loss="cross_entropy",
        solver="adam",
        optimizer_options=None,
        alpha=0.0,
        penalty=None,
        backprop=Backprop,
        schedule=None,
        max_fun=None,
        can_freeze=True,
        shuffle=True,
        generator=None,
        **kwargs,
    ):
        self.loss = loss
        self.solver = solver
        self.optimizer_options = optimizer_options
        self.alpha = alpha
        self.penalty = penalty
        self.backprop = backprop
        self.schedule = Schedule() if schedule is None else schedule
        self.max_fun = max_fun
        self.can_freeze = can_freeze
        self.shuffle = shuffle
        self.generator = generator
        self.rate_factor = 1.0  # of a family's own steps
        self.epoch_label = "Iteration"  # what a printed line counts
        # Rows that a batch has where samples suffice: what a penalty's cost is compared
        # with must not differ between weighted and repeated samples.
        self.nominal_batch_size = None
        # Samples of all steps so far, epochs of earlier trainings included.
        self.samples_seen = 0
        self.stream_rule = StoppingRule(0.0, math.inf)
        super().__init__(
            module,
            criterion=LossModule,
            criterion__name=loss,
            train_split=None,
            **kwargs,
        )

    @property
    def _default_callbacks(self):
        return []

    def initialize_callbacks(self):
        """Initialise the callbacks given: the very objects, or instances of classes."""
        named = [
            (name, callback() if isinstance(callback, type) else callback)
            for name, callback in named_callbacks(self.callbacks)
        ]
        named.sort(key=lambda pair: isinstance(pair[1], PrintLog))  # it prints last
        self._kept = [KeptParameters(callback) for _, callback in named]
        self.callbacks_ = named
        return self

    def initialize_module(self):
        """Use the module as it is and prepare its backward pass."""
        check_module(self)
        super().initialize_module()
        self.backprop_ = self.backprop(self.module_, self.loss, self.alpha)
        return self

    def initialize_optimizer(self, triggered_directly=None):
        """Put the optimizer on the flat parameters."""
        self.optimizer_ = make_optimizer(
            self.solver,
            self.module_,
            learning_rate=self.lr,
            **(self.optimizer_options or {}),
        )
        return self

    def get_iterator(self, dataset, training=False):
        """Batches of tensors in memory; blocks of rows where nothing is trained."""
        if not isinstance(dataset, TensorData):
            return super().get_iterator(dataset, training=training)
        size = self.batch_size if training else row_blocks(dataset.X)[0].stop
        size = min(size, len(dataset))
        shuffle = training and self.shuffle
        return BatchIterator(dataset, size, shuffle=shuffle, generator=self.generator)
