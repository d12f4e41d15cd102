# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""A branch and a shortcut of the same input, added: residual blocks."""

from torch import nn

__all__ = ["Residual"]


class Residual(nn.Module):
    """The sum of a branch and a shortcut of the same input.

    Parameters
    ----------
    branch : Module
        Any module.
    shortcut : Module, default=None
        Module with the same output shape; None adds the input itself.

    Examples
    --------
    >>> import torch
    >>> from sklip.bounds import Residual, module_bound
    >>> block = Residual(torch.nn.Tanh()).eval()
    >>> module_bound(torch.nn.Sequential(block, torch.nn.ReLU()))
    2.0...
    """

    def __init__(self, branch, shortcut=None):
        super().__init__()
        self.branch = branch
        self.shortcut = shortcut

    def forward(self, x):
        """Add the two.

        Parameters
        ----------
        x : Tensor
            Input of both.

        Returns
        -------
        y : Tensor
            The sum.

        Raises
        ------
        ValueError
            If their shapes differ: broadcasting would increase the Lipschitz constant.
        """
        y = self.branch(x)
        z = x if self.shortcut is None else self.shortcut(x)
        if y.shape != z.shape:
            raise ValueError(
                f"The branches of a Residual must give outputs of one shape, got "
                f"{tuple(y.shape)} and {tuple(z.shape)}."
            )
        return y + z
