# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Quadratic constraints that hold over a part of a ball, for networks of hinges.

A point of the part is y = (1, u, t): u is the displacement over the radius, and t has a
coordinate for each hinge max(l z, r z) whose sign is open, each entry in [-1, 1]. With
p = h - l z and q = h - r z of a hinge's value h the part lies where p >= 0, q >= 0 and
p q = 0, and products of other values that are not negative are not negative either
(Raghunathan, Steinhardt and Liang, Semidefinite relaxations for certifying robustness,
NeurIPS 2018). Each of these values is a linear form over y; the neurons whose sign is
known are linear and have no coordinate.
"""

from dataclasses import dataclass

import numpy as np

from sklip._floats import FLOOR, SAFETY, UNIT, gamma

__all__ = ["Relaxation", "relaxation_over"]


@dataclass(frozen=True, eq=False)
class Relaxation:
    """Products of linear forms over y, at most one in each entry, that are >= 0."""

    forms: np.ndarray  # of shape (n_forms, n): the first is 1
    errors: np.ndarray  # of shape (n_forms,): of the forms' values, at any point
    first: np.ndarray  # of shape (n_products,): of each product the first form
    second: np.ndarray  # and the second
    is_zero: np.ndarray  # whether the product is zero, of either sign else
    is_bound: np.ndarray  # whether it bounds an entry of y
    goal: int  # the form whose least value is asked for
    n_inputs: int
    is_round: bool  # whether the sum of squares of the inputs is at most one
    # Of shape (n_open, 4): positions in all hidden neurons, the forms p and q, and the
    # place of their product.
    hinges: np.ndarray


class _Forms:
    """Linear forms, their errors, and products of pairs of them."""

    def __init__(self, n):
        self.n, self.rows, self.errors, self.products = n, [], [], []
        self.one = self.add(np.eye(1, n), np.zeros(1))[0]

    def add(self, rows, errors):
        """Places of the forms."""
        start = len(self)
        self.rows.append(rows)
        self.errors.append(errors)
        return np.arange(start, start + len(rows))

    def __len__(self):
        return sum(map(len, self.rows))

    def multiply(self, first, second, is_zero=False, is_bound=False):
        """Note that products are not negative, or zero; their places."""
        start = sum(len(part[0]) for part in self.products)
        first, second = np.broadcast_arrays(first, second)
        kinds = (np.full(len(second), kind) for kind in (is_zero, is_bound))
        self.products.append((first, second, *kinds))
        return np.arange(start, start + len(second))


def relaxation_over(propagation, ball, row, signs, intervals):
    """The constraints over one part of a ball.

    Parameters
    ----------
    propagation : Propagation
        Of hinges throughout, with a hidden layer at least, in l2 or linf.
    ball : Balls
        One.
    row : ndarray of shape (n_outputs,)
        Coefficients of the outputs whose least value is asked for.
    signs : list of ndarray of shape (n_k,)
        For each hidden layer 1, -1, or 0 where the sign is free.
    intervals : list of (ndarray, ndarray)
        Ends of each hidden layer's pre-activations in the part, of shape (n_k,).

    Returns
    -------
    relaxation : Relaxation
        What holds at every point of the part.
    """
    layers = propagation.layers
    sides = [
        _sides(*parts, layer.shape.hinge)
        for *parts, layer in zip(signs, intervals, layers[:-1], strict=True)
    ]
    m = propagation.moving.shape[1]
    n_open = sum(int((side == 0.0).sum()) for side in sides)
    forms, used, before, hinges = _Forms(1 + m + n_open), 1 + m, 0, []
    _in_box(forms, propagation, m)
    z, error = _first(propagation, ball, forms.n)
    for k, (side, ends) in enumerate(zip(sides, intervals, strict=True)):
        hinge, open_ = layers[k].shape.hinge, np.flatnonzero(side == 0.0)
        h, off = _known_values(z, error, side, hinge)
        h[open_, 0], half = _middles(*(end[open_] for end in ends), hinge)
        at = open_, used + np.arange(len(open_))
        h[at], off[open_] = half, 0.0
        bends = _bends(forms, z[open_], error[open_], h[open_], hinge)
        _in_interval(forms, z, error, signs[k], ends[0], open_, bends, at[1])
        hinges.append(np.stack([before + open_, *bends], axis=1))
        used, before = used + len(open_), before + len(side)
        z, error = _affine(layers[k + 1], h, off)
    # The row's own products are rounded as well.
    size = gamma(len(row)) * np.abs(z).sum(axis=1)
    (goal,) = forms.add((row @ z)[None], (np.abs(row) @ (error + size))[None])
    first, second, *kinds = map(np.concatenate, zip(*forms.products, strict=True))
    return Relaxation(
        np.concatenate(forms.rows),
        np.concatenate(forms.errors) * SAFETY,
        first,
        second,
        *kinds,
        int(goal),
        m,
        propagation.norm == 2.0,
        np.concatenate(hinges),
    )


def _sides(signs, ends, hinge):
    """Signs that a part or an interval fixes; 0 where a hinge may bend."""
    low, high = ends
    if hinge[0] == hinge[1]:
        return np.where(signs != 0.0, signs, 1.0)
    known = np.where(low >= 0.0, 1.0, np.where(high <= 0.0, -1.0, 0.0))
    return np.where(signs != 0.0, signs, known)


def _in_box(forms, propagation, m):
    """Each input lies in its interval."""
    down, up = np.ones(m), np.ones(m)
    if propagation.shares is not None:
        down, up = (share.numpy() for share in propagation.shares)
    elif propagation.norm == 2.0:
        return
    coordinates, exact = np.eye(m, forms.n, 1), np.zeros(m)
    above, below = coordinates.copy(), -coordinates
    above[:, 0], below[:, 0] = down, up
    forms.multiply(forms.add(above, exact), forms.add(below, exact), is_bound=True)


def _first(propagation, ball, n):
    """First pre-activations."""
    center, error = (x[0].numpy() for x in ball.start(propagation))
    weight = float(ball.radii[0]) * propagation.moving.numpy()
    z = np.zeros((len(center), n))
    z[:, 0], z[:, 1 : 1 + weight.shape[1]] = center, weight
    return z, error + 2.0 * UNIT * np.abs(weight).sum(axis=1) + FLOOR


def _known_values(z, error, side, hinge):
    """Values of hinges whose sign is known; zero for others."""
    slope = np.choose(side.astype(int) + 1, [hinge[0], 0.0, hinge[1]])
    h = slope[:, None] * z
    return h, np.abs(slope) * error + UNIT * np.abs(h).sum(axis=1) + FLOOR


def _middles(low, high, hinge):
    """Middles and half widths of the values over intervals around zero."""
    left, right = hinge
    ends = np.stack([left * low, right * high, np.zeros_like(low)])
    ends = ends if left <= 0.0 <= right else ends[:2]
    least, most = ends.min(axis=0), ends.max(axis=0)
    middle = 0.5 * (least + most)
    size = np.maximum(np.abs(least), np.abs(most))
    # Products, the middle and its distance are rounded once each.
    half = np.maximum(most - middle, middle - least) + 8.0 * UNIT * size + FLOOR
    return middle, half


def _bends(forms, z, error, h, hinge):
    """The forms h - l z and h - r z of open hinges, of which one is zero, and where."""
    found = []
    for slope in hinge:
        size = abs(slope) * np.abs(z).sum(axis=1) + np.abs(h).sum(axis=1)
        off = abs(slope) * error + 2.0 * UNIT * size + FLOOR
        found.append(forms.add(h - slope * z, off))
        forms.multiply(found[-1], forms.one)
    return *found, forms.multiply(*found, is_zero=True)


def _in_interval(forms, z, error, cut, low, open_, bends, coordinates):
    """Signs of a part, ends of open pre-activations, and their values' intervals."""
    some = np.flatnonzero(cut != 0.0)
    forms.multiply(forms.add(cut[some, None] * z[some], error[some]), forms.one)
    above = z[open_].copy()
    above[:, 0] -= low[open_]
    off = error[open_] + 2.0 * UNIT * np.abs(above[:, 0])
    # Of all products of two that are not negative this is the one that tightens.
    forms.multiply(bends[1], forms.add(above, off))
    t = np.zeros((2, len(open_), forms.n))
    t[:, :, 0] = 1.0
    t[:, np.arange(len(open_)), coordinates] = np.array([[1.0], [-1.0]])
    exact = np.zeros(len(open_))
    forms.multiply(*(forms.add(rows, exact) for rows in t), is_bound=True)


def _affine(layer, h, off):
    """The next pre-activations."""
    weight, bias = layer.weight.numpy(), layer.bias.numpy()
    z = weight @ h
    z[:, 0] += bias
    magnitude = np.abs(weight)
    size = magnitude @ (np.abs(h).sum(axis=1) + off) + np.abs(bias)
    return z, magnitude @ off + gamma(len(h)) * (size + FLOOR)
