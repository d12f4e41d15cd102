# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The skorch net that an estimator holds: made, rebuilt after unpickling, continued."""

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from sklip.estimators._engine import (
    NetSettings,
    continue_net,
    make_net,
    net_parameters,
)
from sklip.training import (
    MLPNet,
    export_random_state,
    export_training_state,
    random_state_of,
)

__all__ = ["HeldNet"]


class HeldNet:
    """The net of the present parameters; a family sets its class and penalty."""

    _net_hash = None

    def _streams_so_far(self):
        """Where random numbers go on in a warm start; None for fresh ones.

        An integer would seed every fit alike: repeated short fits would see the same
        order and the same noise again and again.
        """
        if self._seeded_by is None or self.random_state != self._seeded_by:
            return None
        if self._net is None:
            return random_state_of(self._training_state)
        return export_random_state(self._net)

    # Class of the net, and further arguments of it that a family sets.
    _net_class = MLPNet

    def _net_options(self):
        return {}

    # Parameters of a family that another net is not needed for.
    _not_of_the_net: frozenset = frozenset()

    def _make_penalty(self, module):
        """Penalty of the family; None for the plain network."""
        return None

    @property
    def net_(self):
        """The skorch net with the fitted weights; rebuilt after unpickling."""
        net = vars(self).get("_net")
        if net is None:
            check_is_fitted(self)
            self._net = self._remake_net(self._training_state)
        elif self._net_hash is not None and self._net_hash != self._part.hash:
            # The network was written to since: its optimizer goes on with it.
            self._net = self._remake_net(export_training_state(net))
        return self._net

    def _remake_net(self, state):
        """A net of the present parameters that goes on from the fitted weights."""
        if self._net_parameters != self._parameters_of_net():
            # The moments of another optimizer or step size mean nothing.
            state = random_state_of(state)
        part = self._new_part().go_on(self._part)
        # The generator's own state comes from the training state.
        net = self._make_net(part, np.random.RandomState(0))
        self._net_hash = self._part.hash
        return continue_net(net, self.history_, self.t_, state)

    def _make_net(self, part, rng, X=None, targets=None):
        """A net of the present parameters; without X for a part that has weights."""
        seed = int(rng.randint(np.iinfo(np.int32).max))
        generator = torch.Generator().manual_seed(seed)
        n_outputs = None if targets is None else targets.shape[1]
        module = part.build(generator, X, n_outputs)
        self._net_parameters = self._parameters_of_net()
        return make_net(
            module,
            NetSettings.of(self),
            generator,
            net_class=self._net_class,
            penalty=self._make_penalty(module),
            **self._net_options(),
        )

    def _parameters_of_net(self):
        return net_parameters(self.get_params(deep=False), self._not_of_the_net)
