# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What flows along the edges of an ONNX graph, as functions of the units before it."""

from dataclasses import dataclass, replace

import numpy as np

__all__ = ["Affine", "Gate", "constant_affine", "identity"]


@dataclass(frozen=True, eq=False)
class Affine:
    """A tensor whose entries are affine in the units of one layer."""

    stage: int  # the layer: 0 for the input, k for the k-th activation's output
    # Of shape (*shape, n_units + 1): coefficients of the units for each entry, and its
    # constant. What ONNX does to the axes of the tensor is done to the leading axes of
    # this array.
    terms: np.ndarray

    @property
    def shape(self):
        """Shape of the tensor."""
        return self.terms.shape[:-1]

    def scaled(self, factor):
        """Every entry times a constant, shapes broadcast."""
        return replace(self, terms=self.terms * np.asarray(factor)[..., None])

    def shifted(self, constant):
        """Every entry plus a constant, shapes broadcast."""
        constant = np.asarray(constant, dtype=np.float64)
        shape = np.broadcast_shapes(self.shape, constant.shape)
        terms = np.array(np.broadcast_to(self.terms, (*shape, self.terms.shape[-1])))
        terms[..., -1] += constant
        return replace(self, terms=terms)

    def plus(self, other):
        """Sum with another tensor of the same layer, shapes broadcast."""
        return replace(self, terms=self.terms + other.terms)

    def reshaped(self, shape):
        """The entries, row by row, in another shape."""
        return replace(self, terms=self.terms.reshape(*shape, self.terms.shape[-1]))

    def rows(self):
        """Matrix and offset of the flattened tensor."""
        flat = self.terms.reshape(-1, self.terms.shape[-1])
        return flat[:, :-1], flat[:, -1]

    def equals(self, other, rtol=0.0):
        """Whether both are the same function, up to a relative difference."""
        if self.stage != other.stage or self.terms.shape != other.terms.shape:
            return False
        return np.allclose(self.terms, other.terms, rtol=rtol, atol=0.0)


@dataclass(frozen=True, eq=False)
class Gate:
    """``scale * g(before) + offset`` with a function g that may yet become a product.

    Exporters write silu, gelu and hardswish as a tensor times a gate of it.
    """

    kind: str  # {"Sigmoid", "Erf", "HardSigmoid"}: the function g
    before: Affine  # what it is applied to
    node: object  # onnx.NodeProto: where it stands
    # What was done to its value since.
    scale: float = 1.0
    offset: float = 0.0
    slope: float = 1.0 / 6.0  # of HardSigmoid between its ends

    @property
    def is_plain(self):
        """Whether nothing was done to its value."""
        return self.scale == 1.0 and self.offset == 0.0


def identity(stage, shape):
    """The units of a layer themselves, as a tensor."""
    n = int(np.prod(shape))
    terms = np.concatenate([np.eye(n), np.zeros((n, 1))], axis=1)
    return Affine(stage, terms.reshape(*shape, n + 1))


def constant_affine(like, array):
    """A constant tensor, as one that is affine in the units of another's layer."""
    terms = np.zeros((*array.shape, like.terms.shape[-1]))
    terms[..., -1] = array
    return Affine(like.stage, terms)
