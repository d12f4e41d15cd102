# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The interface of a penalty on the Lipschitz constant."""

from abc import ABC, abstractmethod

__all__ = ["Penalty"]


class Penalty(ABC):
    """A term of the training loss that depends on the weights, and its gradient.

    To add one: a class in a file of this folder, and its name in ``PENALTIES`` in the
    folder's door. The estimators take the name and show the summary from then on.

    Parameters
    ----------
    module : FlatMLP
        Holds the weights that are penalised and gets the gradient.
    weight : float
        Weight of the penalty.

    Attributes
    ----------
    summary : str
        What is penalised, as the estimators' documentation has it.
    """

    summary = ""

    def __init__(self, module, weight):
        self.module = module
        self.weight = weight

    def restart(self, batch_size):  # noqa: B027 - most remember nothing
        """Prepare for a run of steps; nothing is remembered from earlier ones."""

    @abstractmethod
    def add_gradient(self, X, sample_weight=None):
        """Add the gradient for one step on the batch X to that of the module.

        It may be one that was found some steps ago, where finding it is costly.
        """

    @abstractmethod
    def add_exact_gradient(self, X, sample_weight=None):
        """Add the gradient at the present weights; returns the value."""

    @abstractmethod
    def value(self, X, sample_weight=None):
        """Value of the penalty that belongs to the last gradient."""
