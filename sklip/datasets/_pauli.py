# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The two toy regressions of paper 001 with their networks, from the definition."""

import math

import numpy as np
import torch
from sklearn.utils import Bunch

from sklip.datasets._pauli_networks import TRAINED

__all__ = ["load_paper_toy"]

_N_HIDDEN = 10
_PULSES = (slice(10, 15), slice(70, 80))
_SEED_TRAIN, _SEED_TEST = 2, 3


def load_paper_toy(name="step"):
    """Load a toy regression of Pauli et al. with its networks.

    Parameters
    ----------
    name : {"step", "sine"}, default="step"
        ``"step"``: two pulses of height one (Example 1, Table I). ``"sine"``: a sine
        with uniform noise (Example 2, Table II).

    Returns
    -------
    toy : Bunch
        ``data`` of shape (100, 1), the grid on [0, 10]; ``target`` of shape (100,);
        for the sine also ``target_test`` (the same grid, fresh noise) and
        ``target_clean`` (the sine plus one half). ``start`` and ``trained``:
        dictionaries with the keys ``"nominal"`` and ``"l2"`` (weight decay) of pairs
        (coefs, intercepts) of a 1-10-1 tanh network, as the ADMM estimators' ``fit``
        takes them in ``coef_init`` and ``intercept_init``.

    Raises
    ------
    ValueError
        If the name is not known.

    Notes
    -----
    Items P22, P23 and P23b of paper 001 [1]_. Noise and starting weights are torch's
    for the seeds of the authors' script; the global generator is not touched. The
    trained networks are the result of up to a million steps of gradient descent and
    are stored.

    References
    ----------
    .. [1] P. Pauli, A. Koch, J. Berberich, P. Kohler, F. Allgöwer, "Training robust
       neural networks using Lipschitz bounds", IEEE Control Systems Letters, 2021.

    Examples
    --------
    >>> from sklip.datasets import load_paper_toy
    >>> toy = load_paper_toy("step")
    >>> toy.data.shape, int(toy.target.sum())
    ((100, 1), 15)
    >>> coefs, intercepts = toy.trained["l2"]
    >>> coefs[0].shape, coefs[1].shape
    ((1, 10), (10, 1))
    """
    if name not in ("step", "sine"):
        raise ValueError(f"name must be 'step' or 'sine', got {name!r}.")
    generator = torch.Generator().manual_seed(_SEED_TRAIN)
    x = torch.linspace(0, 10, 100)
    toy = Bunch(data=_float64(x)[:, None])
    if name == "step":
        toy.target = np.zeros(100)
        for pulse in _PULSES:
            toy.target[pulse] = 1.0
    else:
        test = torch.Generator().manual_seed(_SEED_TEST)
        toy.target = _float64(torch.sin(x) + torch.rand(100, generator=generator))
        toy.target_test = _float64(torch.sin(x) + torch.rand(100, generator=test))
        toy.target_clean = _float64(torch.sin(x) + 0.5)
    # The order of the draws is part of the definition.
    toy.start = {kind: _start(generator) for kind in ("nominal", "l2")}
    toy.trained = {kind: _trained(name, kind) for kind in ("nominal", "l2")}
    return toy


def _float64(tensor):
    return tensor.double().numpy()


def _start(generator):
    """torch's default initialisation of two linear layers."""
    layers = [_linear(1, _N_HIDDEN, generator), _linear(_N_HIDDEN, 1, generator)]
    return [coef for coef, _ in layers], [intercept for _, intercept in layers]


def _linear(n_in, n_out, generator):
    # Kaiming's bound for a = 5 ** 0.5 rounds differently from 1 / n_in ** 0.5.
    bound = math.sqrt(3.0) * (math.sqrt(2.0 / 6.0) / math.sqrt(n_in))
    weight = torch.empty(n_out, n_in).uniform_(-bound, bound, generator=generator)
    bound = 1.0 / math.sqrt(n_in)
    bias = torch.empty(n_out).uniform_(-bound, bound, generator=generator)
    return _float64(weight).T, _float64(bias)


def _trained(name, kind):
    w_0, b_0, w_1, b_1 = np.split(np.array(TRAINED[name, kind]), [10, 20, 30])
    return [w_0[None, :], w_1[:, None]], [b_0, b_1]
