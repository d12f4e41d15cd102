# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The hand-written pass with the noise term: clean and noisy samples in one batch."""

from sklip.training._passes.dense import Backprop
from sklip.training._penalties import NoiseSource, power_step

__all__ = ["NoiseBackprop"]


class NoiseBackprop(Backprop):
    """Loss (3)-(5) of paper 002 and its gradient through both passes (U3-U5).

    Parameters
    ----------
    module, loss, alpha
        As for :class:`Backprop`.
    noise : NoiseTerm
        The term that is added to the loss of each sample.
    """

    def __init__(self, module, loss, alpha=0.0, *, noise):
        super().__init__(module, loss, alpha)
        self.noise = noise
        self.source = NoiseSource(noise.std, module.flat.device)
        self._both = {}

    @property
    def streams(self):
        """Random numbers that the pass draws: the noise."""
        return {"noise": self.source}

    def loss_and_grad(self, X, targets, sample_weight=None):
        """Loss of a batch; the gradient replaces that in ``flat_grad``."""
        n = len(X)
        both = self._buffer(X)
        # Clean rows above, noisy ones below: one pass serves both.
        length = self.source.write_noisy(X, both)
        outputs = self.forward(both)
        work = self._workspace(2 * n)
        if self.noise.probe == "power":
            direction = self._input_gradient(outputs[n:] - outputs[:n], work, n)
            power_step(X, direction, length, both[n:])
            # The noisy half has moved: its outputs, and what backward keeps, are those
            # of now.
            outputs = self.forward(both)
        self.outputs = outputs[:n]
        grad = work.grads[-1]
        losses = self.loss(outputs[:n], targets, grad[:n])
        # The hinge pulls at both halves, the loss at the clean one alone.
        losses = losses + self.noise.add_gradient(outputs, length, grad)
        loss, total = self._weigh(losses, grad, sample_weight)
        self._backward(both, work)
        if self.alpha:
            loss = self._add_l2(loss, total)
        return loss

    def _input_gradient(self, grad, work, start):
        """Gradient with respect to the inputs of the rows from start on."""
        for k in range(len(work.z) - 1, -1, -1):
            grad = grad @ self._weights[k]
            if k:
                kernel = self.kernels[k - 1]
                saved = work.z[k - 1] if kernel.needs_input else work.a[k - 1]
                kernel.backward(grad, saved[start:])
        return grad

    def _buffer(self, X):
        rows = 2 * len(X)
        if rows not in self._both:
            if len(self._both) > 4:
                self._both.clear()
            self._both[rows] = X.new_empty((rows, X.shape[1]))
        return self._both[rows]

    def release(self):
        """Forget the buffers; the next pass makes new ones."""
        super().release()
        self._both.clear()
