# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Search for inputs where the Jacobian's norm is large.

With u, v its outer singular vectors, ||J|| = u^T J v changes with the slope s_i of a
neuron at the rate g_i = (u^T dy/da_i) (dz_i/dx v), hence with the input through
g_i s_i'(z_i). The slopes of piecewise linear networks have no derivative, so s' is
replaced by difference quotients of s towards the side that g_i asks for, over several
widths: narrow ones sense the kinks nearby, a wide one keeps pulling at neurons far on
the wrong side. The widths shrink while the points climb. Afterwards single neurons are
flipped: the point is moved just beyond the kink of a neuron whose other slope promises
a larger norm, and stays there if the true norm at that point, in which all neurons
take part, has grown.
"""

import numpy as np

from sklip._floats import lengths

__all__ = ["JacobianAscent"]

_TINY = 1e-300
_JACOBIAN_FLOATS = 2**21
# Widths of the difference quotients, and their weights.
_NEAR = ((0.25, 0.4), (1.0, 0.35), (3.0, 0.25))
_FAR = ((1.0, 0.4), (100.0, 10.0))
_MOMENTUM = 0.8
_OVERSHOOTS = np.array([1.02, 1.3, 2.5])
_MOST_FLIPS = 192
_FLIP_ROUNDS = 30


class JacobianAscent:
    """Ascent of the norm of a network's Jacobian over its mutable coordinates.

    Parameters
    ----------
    network : FeedForward
        A function of all coordinates, those that do not move included.
    units : ndarray of shape (n_inputs,)
        Natural length of a step in each coordinate; 0 where it must not move.
    """

    def __init__(self, network, units):
        self.network, self.units = network, units

    def slopes(self, points):
        """Norm of the Jacobian at each point and its right singular vector."""
        n_floats = self.network.n_outputs * max(self.network.layer_sizes)
        block = max(1, _JACOBIAN_FLOATS // n_floats)
        norms, vectors = [np.empty(0)], [np.empty((0, points.shape[1]))]
        for start in range(0, len(points), block):
            jacobian = self.network.jacobian(points[start : start + block])
            jacobian *= self.units > 0.0
            _, s, vt = np.linalg.svd(jacobian, full_matrices=False)
            norms.append(s[:, 0])
            vectors.append(vt[:, 0])
        return np.concatenate(norms), np.concatenate(vectors)

    def estimates(self, points, vectors=None, n_steps=2):
        """Lower estimates of the norms by power iteration, and the vectors reached."""
        if vectors is None:
            vectors = np.ones(points.shape) * self.units
        for _ in range(n_steps):
            # J^T J v by a pass up and one down: no Jacobian is formed.
            _, slopes, tangents = self._forward(points, vectors)
            adjoint = tangents[-1] @ self.network.weights[-1]
            for slope, w in zip(
                slopes[::-1], self.network.weights[-2::-1], strict=True
            ):
                adjoint = (adjoint * slope) @ w
            vectors = _unit_rows(adjoint * (self.units > 0.0))
        tangents = self._forward(points, vectors)[2]
        return lengths(tangents[-1]), vectors

    def climb(self, points, *, step, width, far, n_steps):
        """Move all points uphill; the best that each one has passed.

        Parameters
        ----------
        points : ndarray of shape (n_points, n_inputs)
            Starts.
        step, width : pair of float
            First and last length of a step in units, and width of the difference
            quotients relative to a layer's pre-activations.
        far : bool
            Whether to look for kinks far away too.
        n_steps : int
            Number of steps.
        """
        _, vectors = self.estimates(points)
        best, best_points = np.zeros(len(points)), points
        velocity, widths = 0.0, _FAR if far else _NEAR
        lengths = np.geomspace(*step, n_steps) * np.sqrt(points.shape[1])
        for length, w in zip(lengths, np.geomspace(*width, n_steps), strict=True):
            norms, vectors, gradients = self._gradients(
                points, vectors, [(w * scale, weight) for scale, weight in widths]
            )
            better = norms > best
            best = np.where(better, norms, best)
            best_points = np.where(better[:, None], points, best_points)
            direction = _unit_rows(gradients * self.units) * self.units
            # Momentum carries across pieces where the gradient sees no kink.
            velocity = _MOMENTUM * velocity + (1.0 - _MOMENTUM) * direction
            points = points + length * velocity
        return best_points

    def _gradients(self, points, vectors, widths):
        """||J v|| at each point, an improved v, and the smoothed gradient."""
        network = self.network
        inputs, slopes, tangents = self._forward(points, vectors)
        adjoint = _unit_rows(tangents[-1]) @ network.weights[-1]
        gradient = 0.0
        for k in range(len(slopes) - 1, -1, -1):
            rate = adjoint * tangents[k]
            change = _slope_of_slope(
                network.activations[k], inputs[k], slopes[k], np.sign(rate), widths
            )
            gradient = (rate * change + slopes[k] * gradient) @ network.weights[k]
            adjoint = (adjoint * slopes[k]) @ network.weights[k]
        improved = _unit_rows(adjoint * (self.units > 0.0))
        return lengths(tangents[-1]), improved, gradient

    def _forward(self, points, vectors):
        """Pre-activations, slopes, and what J v is made of layer by layer."""
        network = self.network
        inputs, slopes, tangents = [], [], []
        a, tangent = points, vectors
        for w, b, activation in zip(
            network.weights, network.biases, network.activations, strict=False
        ):
            z = a @ w.T + b
            inputs.append(z)
            tangents.append(tangent @ w.T)
            slopes.append(activation.derivative(z))
            a, tangent = activation.function(z), slopes[-1] * tangents[-1]
        tangents.append(tangent @ network.weights[-1].T)
        return inputs, slopes, tangents

    def flip(self, point):
        """Cross kinks one at a time as long as the norm grows."""
        norm = self.slopes(point[None])[0][0]
        for _ in range(_FLIP_ROUNDS):
            candidates, vector = self._flips(point)
            if not len(candidates):
                break
            vectors = np.broadcast_to(vector, candidates.shape)
            norms, _ = self.estimates(candidates, vectors)
            best = np.argmax(norms)
            # Power iteration never exceeds the true norm: growth that it sees is real.
            if norms[best] <= norm * (1.0 + 1e-9):
                break
            norm, point = norms[best], candidates[best]
        return point

    def _flips(self, point):
        """Points just beyond the kinks whose neurons promise most, and v here."""
        network = self.network
        jacobian = network.jacobian(point[None])[0] * (self.units > 0.0)
        u, _, vt = np.linalg.svd(jacobian, full_matrices=False)
        adjoints = [u[:, 0] @ network.weights[-1]]
        inputs, slopes, tangents = self._forward(point[None], vt[:1])
        for w, slope in zip(network.weights[-2:0:-1], slopes[:0:-1], strict=True):
            adjoints.append((adjoints[-1] * slope[0]) @ w)
        moves, gains = [], []
        inner = network.weights[0]
        for k, activation in enumerate(network.activations):
            z = inputs[k][0]
            # The slope just beyond the kink at zero.
            other = activation.derivative(np.where(z > 0.0, -1e-9, 1e-9))
            gain = adjoints[-1 - k] * tangents[k][0] * (other - slopes[k][0])
            scaled = inner * self.units
            squared = np.sum(scaled * scaled, axis=1)
            useful = (gain > 0.0) & (squared > 0.0)
            # The shortest move, in units, that brings the pre-activation to zero.
            crossing = -(z / np.where(useful, squared, 1.0))[:, None] * scaled
            crossing = crossing * self.units
            moves.append(crossing[useful])
            gains.append(gain[useful])
            inner = network.weights[k + 1] @ (slopes[k][0][:, None] * inner)
        order = np.argsort(-np.concatenate(gains))[: _MOST_FLIPS // len(_OVERSHOOTS)]
        chosen = np.concatenate(moves)[order]
        candidates = point + _OVERSHOOTS[:, None, None] * chosen
        return candidates.reshape(-1, len(point)), vt[0]


def _slope_of_slope(activation, z, slope, side, widths):
    """One-sided difference quotients, their widths relative to the layer's size."""
    size = lengths(z)[:, None] / np.sqrt(z.shape[1]) + _TINY
    total = 0.0
    for width, weight in widths:
        h = (width * side) * size
        change = activation.derivative(z + h) - slope
        total = total + weight / (width * size) * side * change
    return total


def _unit_rows(rows):
    return rows / np.maximum(lengths(rows), _TINY)[:, None]
