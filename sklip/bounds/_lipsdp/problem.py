# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""LipSDP as a semidefinite program with block structure, in torch.

With the output eliminated, the condition of Theorem 1 of paper 001 (P7) is

    S(x) = G_0 + x_0 P + sum_i x_i (a_i b_i^T + b_i a_i^T)  >= 0,

x_0 = L^2 with P the identity on the input block, x_i the multiplier of neuron i,
a_i = e_i - alpha_i w_i and b_i = e_i - beta_i w_i with w_i the neuron's weights placed
in the block before its own, and G_0 = -W_l^T W_l in the last block. Every product below
touches only a block and its neighbour.
"""

import numpy as np
import torch

from sklip.bounds._z import Z

__all__ = ["LipSDPProblem", "scaled_problem"]

# Order up to which one dense product is faster than several of blocks.
_DENSE_UP_TO = 100


def scaled_problem(chain, lipschitz, d, per_layer, device):
    """The problem in units where (lipschitz, d) is the point x_0 = 1, 2 x_i = 1."""
    weights = Z.of(chain, lipschitz, d).scaled(chain.weights)
    if weights[0].shape[1] > len(weights[0]):
        # W_0 = R Q with orthonormal rows of Q: only R enters, exactly.
        weights[0] = np.linalg.qr(weights[0].T, mode="r").T
    tensors = [torch.as_tensor(np.ascontiguousarray(w)).to(device) for w in weights]
    return LipSDPProblem(tensors, chain.sectors, per_layer=per_layer)


class LipSDPProblem:
    """Minimise x_0 subject to S(x) >= 0.

    Parameters
    ----------
    weights : sequence of tensor
        V_0 ... V_l, scaled so that x_0 = 1 and 2 x_i = 1 are near the optimum.
    sectors : sequence of (float, float)
        (alpha, beta) of each hidden layer.
    per_layer : bool, default=False
        One multiplier for each layer (LipSDP-Layer) instead of one for each neuron.
    """

    def __init__(self, weights, sectors, *, per_layer=False):
        self.weights = weights
        self.sectors = sectors
        sizes = [weights[0].shape[1], *(len(w) for w in weights[:-1])]
        self.n_inputs, self.order = sizes[0], sum(sizes)
        self.blocks, start = [], 0
        for size in sizes:
            self.blocks.append(slice(start, start + size))
            start += size
        # The same layers, counted from the first hidden neuron.
        self.layers = [
            slice(b.start - sizes[0], b.stop - sizes[0]) for b in self.blocks[1:]
        ]
        self.n_neurons = self.order - sizes[0]
        self.per_layer = per_layer
        # The output layer has no neurons of its own: its block is eliminated by a Schur
        # complement, and only this product remains.
        self.output_gram = weights[-1].T @ weights[-1]
        self._alphas = self._per_neuron(0)
        self._betas = self._per_neuron(1)

    def _per_neuron(self, which):
        parts = [
            w.new_full((len(w),), sector[which])
            for w, sector in zip(self.weights, self.sectors, strict=False)
        ]
        return torch.cat(parts)

    @property
    def dtype(self):
        """Of the weights."""
        return self.output_gram.dtype

    def to(self, dtype):
        """The same program in another precision."""
        weights = [w.to(dtype) for w in self.weights]
        return LipSDPProblem(weights, self.sectors, per_layer=self.per_layer)

    @property
    def n_variables(self):
        """Number of unknowns x."""
        return 1 + (len(self.layers) if self.per_layer else self.n_neurons)

    def initial(self):
        """The point x_0 = 1, 2 x_i = 1."""
        x = self.weights[0].new_full((self.n_variables,), 0.5)
        x[0] = 1.0
        return x

    def multipliers(self, x):
        """One multiplier for each neuron."""
        if not self.per_layer:
            return x[1:]
        sizes = torch.tensor([s.stop - s.start for s in self.layers], device=x.device)
        return torch.repeat_interleave(x[1:], sizes)

    def _reduce(self, values):
        """From one value a neuron to one a variable."""
        if not self.per_layer:
            return values
        return torch.stack([values[s].sum() for s in self.layers])

    def slack(self, x):
        """The matrix S(x)."""
        matrix = self.combination(x)
        last = self.blocks[-1]
        matrix[last, last] -= self.output_gram
        return matrix

    def combination(self, x):
        """S(x) - G_0, which is linear in x."""
        t = self.multipliers(x)
        matrix = t.new_zeros(self.order, self.order)
        diagonal = matrix.diagonal()
        diagonal[: self.n_inputs] = x[0]
        # a_i b_i^T + b_i a_i^T has 2 at its own neuron, before alpha and beta come in.
        diagonal[self.n_inputs :] = 2.0 * t
        for k, (w, (a, b)) in enumerate(zip(self.weights, self.sectors, strict=False)):
            below, own = self.blocks[k], self.blocks[k + 1]
            scaled = t[self.layers[k], None] * w
            matrix[own, below] = -(a + b) * scaled
            matrix[below, own] = matrix[own, below].T
            # Slopes from 0 on leave the blocks below the neurons alone.
            if a:
                matrix[below, below] += 2.0 * a * b * (w.T @ scaled)
        return matrix

    def product(self, matrix, x, combined):
        """``matrix @ combined`` the faster way, combined being combination(x)."""
        if self.order <= _DENSE_UP_TO:
            return matrix @ combined
        return self.times_combination(matrix, x)

    def times_combination(self, matrix, x):
        """``matrix @ combination(x)``, block by block."""
        t = self.multipliers(x)
        result = matrix.clone()
        result[:, : self.n_inputs] *= x[0]
        result[:, self.n_inputs :] *= 2.0 * t
        for k, (w, (a, b)) in enumerate(zip(self.weights, self.sectors, strict=False)):
            below, own = self.blocks[k], self.blocks[k + 1]
            scaled = t[self.layers[k], None] * w
            result[:, below].addmm_(matrix[:, own], scaled, alpha=-(a + b))
            result[:, own].addmm_(matrix[:, below], scaled.T, alpha=-(a + b))
            if a:
                gram = w.T @ scaled
                result[:, below].addmm_(matrix[:, below], gram, alpha=2.0 * a * b)
        return result

    def adjoint(self, matrix):
        """Inner products of a symmetric matrix with P and the a_i b_i^T + b_i a_i^T."""
        diagonal = matrix.diagonal()
        values = 2.0 * diagonal[self.n_inputs :]
        for k, (w, (a, b)) in enumerate(zip(self.weights, self.sectors, strict=False)):
            below, own, layer = self.blocks[k], self.blocks[k + 1], self.layers[k]
            values[layer] -= 2.0 * (a + b) * (matrix[own, below] * w).sum(1)
            if a:
                inner = ((w @ matrix[below, below]) * w).sum(1)
                values[layer] += 2.0 * a * b * inner
        trace = diagonal[: self.n_inputs].sum()
        return torch.cat([trace[None], self._reduce(values)])

    def dual_value(self, X):
        """Lower bound of x_0 that a feasible dual matrix gives."""
        last = self.blocks[-1]
        return (self.output_gram * X[last, last]).sum()

    def curvature(self, Z):
        """Matrix of <G_i, Z G_j Z>: the Hessian of -log det S where Z = S^-1."""
        az, bz, z_aa, z_ab, z_bb = self._forms(Z)
        neurons = z_aa * z_bb
        neurons.addcmul_(z_ab, z_ab.T).mul_(2.0)
        n = self.n_inputs
        border = 2.0 * (az[:, :n] * bz[:, :n]).sum(1)
        return self._bordered(Z[:n, :n].square().sum(), border, neurons)

    def schur(self, X, Z):
        """Matrix of <G_i, X G_j Z>, G_i the i-th coefficient of S (HKM direction)."""
        ax, bx, x_aa, x_ab, x_bb = self._forms(X)
        az, bz, z_aa, z_ab, z_bb = self._forms(Z)
        # tr(X G_i Z G_j) of two rank-two matrices is four products of inner products.
        cross = x_ab * z_ab.T
        neurons = x_aa * z_bb
        neurons.addcmul_(x_bb, z_aa).add_(cross).add_(cross.T)
        n = self.n_inputs
        border = (ax[:, :n] * bz[:, :n]).sum(1) + (bx[:, :n] * az[:, :n]).sum(1)
        return self._bordered((X[:n, :n] * Z[:n, :n]).sum(), border, neurons)

    def _bordered(self, corner, border, neurons):
        """From one row a neuron to one a variable, after that of x_0."""
        border = self._reduce(border)
        if self.per_layer:
            rows = torch.stack([neurons[s].sum(0) for s in self.layers])
            neurons = torch.stack([rows[:, s].sum(1) for s in self.layers], 1)
        matrix = neurons.new_empty(self.n_variables, self.n_variables)
        matrix[0, 0] = corner
        matrix[0, 1:] = matrix[1:, 0] = border
        matrix[1:, 1:] = neurons
        return matrix

    def _forms(self, Y):
        """A^T Y, B^T Y, A^T Y A, A^T Y B, B^T Y B with the a_i, b_i as columns."""
        hidden = Y[self.n_inputs :]
        products = torch.empty_like(hidden)
        for k, w in enumerate(self.weights[:-1]):
            torch.mm(w, Y[self.blocks[k]], out=products[self.layers[k]])
        by = torch.addcmul(hidden, self._betas[:, None], products, value=-1.0)
        b_e, b_w = self._columns(by)
        bb = torch.addcmul(b_e, b_w, self._betas, value=-1.0)
        # With alpha = 0 all a_i are unit vectors, and their products are parts of Y.
        if not any(a for a, _ in self.sectors):
            return hidden, by, hidden[:, self.n_inputs :], b_e.T, bb
        ay = torch.addcmul(hidden, self._alphas[:, None], products, value=-1.0)
        a_e, a_w = self._columns(ay)
        aa = torch.addcmul(a_e, a_w, self._alphas, value=-1.0)
        ab = torch.addcmul(a_e, a_w, self._betas, value=-1.0)
        return ay, by, aa, ab, bb

    def _columns(self, rows):
        """Products of rows with the unit vectors and with the placed weights."""
        with_weights = rows.new_empty(len(rows), self.n_neurons)
        for k, w in enumerate(self.weights[:-1]):
            with_weights[:, self.layers[k]] = rows[:, self.blocks[k]] @ w.T
        return rows[:, self.n_inputs :], with_weights
