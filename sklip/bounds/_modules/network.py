# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""A torch module as a function of rows: values as it computes them, and gradients.

Of a module of which nothing can be proven these are what attacks and searches need.
"""

import math

import numpy as np
import torch

from sklip.bounds._modules.reader import need_steady
from sklip.exceptions import UnsupportedModelError
from sklip.networks import full_name

__all__ = ["ModuleNetwork"]

# Entries of the samples that pass a module at a time.
_ENTRIES = 2**18
_MOST_ROWS = 256
# What a forward raises where it does not take a shape.
_NO_FIT = (RuntimeError, ValueError, IndexError, TypeError, AssertionError)


class ModuleNetwork:
    """A module behind a linear map, for rows of coordinates.

    Parameters
    ----------
    module : torch.nn.Module
        In eval mode.
    input_shape : tuple of int
        Shape of one sample.
    before : FeedForward, default=None
        Linear map from coordinates to rows; None for the units alone.
    units : ndarray of shape (n_coordinates,), default=None
        Without a map in front, what each coordinate is multiplied by; None for ones.
    """

    def __init__(self, module, input_shape, before=None, units=None):
        need_steady(module)
        self.module, self.input_shape = module, tuple(input_shape)
        self.before = before
        self.units = None if units is None or np.all(units == 1.0) else units
        with torch.no_grad():
            self.n_outputs = self._call(np.zeros((1, self.n_rows))).shape[1]

    @property
    def n_rows(self):
        """Numbers in one sample."""
        return math.prod(self.input_shape)

    @property
    def n_inputs(self):
        """Number of coordinates."""
        return self.n_rows if self.before is None else self.before.n_inputs

    @property
    def dtype(self):
        """Floating type that the module computes in."""
        return self._like().dtype

    @property
    def unit(self):
        """Unit roundoff of that type."""
        return 0.5 * torch.finfo(self.dtype).eps

    def rows(self, U):
        """Rows that the module gets for coordinates."""
        if self.before is not None:
            return self.before.forward(U)
        U = np.asarray(U, dtype=np.float64)
        return U if self.units is None else U * self.units

    def forward(self, U):
        """Outputs as the module itself computes them, in float64 arrays.

        Parameters
        ----------
        U : array-like of shape (n_samples, n_coordinates)
            Coordinates.

        Returns
        -------
        outputs : ndarray of shape (n_samples, n_outputs)
            Logits of a classifier, predictions of a regressor.
        """
        rows = self.rows(U)
        outputs = np.empty((len(rows), self.n_outputs))
        with torch.no_grad():
            for block in self._blocks(len(rows)):
                outputs[block] = self._call(rows[block])
        return outputs

    def linearise(self, U):
        """Outputs, and the function that pulls output slopes back to the coordinates.

        Parameters
        ----------
        U : ndarray of shape (n_samples, n_coordinates)
            Coordinates.

        Returns
        -------
        outputs : ndarray of shape (n_samples, n_outputs)
            As the module computes them.
        pull_back : callable
            Takes an array like the outputs, gives one like U.
        """
        rows = self.rows(U)
        parts = []
        for block in self._blocks(len(rows)):
            with torch.enable_grad():
                samples = self._samples(rows[block]).requires_grad_()
                found = self._outputs(samples)
            parts.append((block, samples, found))
        outputs = [found.detach().cpu().double().numpy() for _, _, found in parts]

        def pull_back(gradient):
            slopes = np.empty((len(rows), self.n_rows))
            for block, samples, found in parts:
                given = torch.as_tensor(gradient[block], dtype=found.dtype)
                back = self._gradient(found, samples, given.to(found.device))
                slopes[block] = back.flatten(1).cpu().double().numpy()
            if self.before is not None:
                return slopes @ self.before.weights[0]
            return slopes if self.units is None else slopes * self.units

        return np.concatenate([np.empty((0, self.n_outputs)), *outputs]), pull_back

    def jacobian(self, U):
        """Jacobians (n_samples, n_outputs, n_coordinates) of the outputs at rows."""
        _, pull_back = self.linearise(U)
        rows = np.eye(self.n_outputs)
        return np.stack([pull_back(np.tile(r, (len(U), 1))) for r in rows], axis=1)

    def _blocks(self, n):
        step = max(1, min(_MOST_ROWS, _ENTRIES // max(self.n_rows, 1)))
        return [slice(start, start + step) for start in range(0, n, step)]

    def _call(self, rows):
        return self._outputs(self._samples(rows)).cpu().double().numpy()

    def _samples(self, rows):
        like = self._like()
        samples = torch.from_numpy(np.array(rows, dtype=np.float64))
        return samples.to(like.device, like.dtype).view(-1, *self.input_shape)

    def _gradient(self, outputs, samples, slopes):
        try:
            return torch.autograd.grad(outputs, samples, slopes, retain_graph=True)[0]
        except RuntimeError as error:
            said = str(error).partition("\n")[0]
            raise UnsupportedModelError(
                f"torch cannot differentiate the forward of {full_name(self.module)}, "
                f"which attacks and searches need: {said}"
            ) from None

    def _outputs(self, samples):
        try:
            found = self.module(samples)
        except _NO_FIT as error:
            said = str(error).partition("\n")[0]
            raise ValueError(
                f"The forward of {full_name(self.module)} does not take "
                f"{len(samples)} samples of shape {self.input_shape}: {said}"
            ) from None
        if not isinstance(found, torch.Tensor) or found.ndim != 2:
            shape = tuple(getattr(found, "shape", ())) or type(found).__name__
            raise ValueError(
                "The module must give one row of outputs for each sample, a tensor of "
                f"shape (n_samples, n_outputs); it gives {shape} for samples of shape "
                f"{self.input_shape}."
            )
        return found

    def _like(self):
        """A tensor of the type and on the device that the module takes."""
        for tensor in (*self.module.parameters(), *self.module.buffers()):
            if tensor.is_floating_point():
                return tensor
        return torch.zeros((), dtype=torch.float64)
