# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Parameters and attributes of the multilayer perceptrons with a penalty."""

import textwrap

from sklip._documentation import entries
from sklip.estimators._weight import weight_entries
from sklip.training import PENALTIES

__all__ = ["REGULARIZED", "REGULARIZED_CLASSIFIER"]

_ZERO = 'of the penalty; 0 trains the same network as ``penalty="none"``.'
_NONE = 'with ``penalty="none"``'
REGULARIZED_CLASSIFIER = weight_entries(0.03, _ZERO, _NONE)

REGULARIZED = entries(
    """
    hidden_layer_sizes : array-like of int, default=(100,)
        Number of units of each hidden layer.
    solver : {"adam", "sgd", "lbfgs"} or torch optimizer class, default="adam"
        ``"lbfgs"`` uses all samples in each step and suits small data.
    alpha : float, default=1e-4
        Weight of the L2 term of the weights; biases are free.
    warm_start : bool, default=False
        Start the next fit from the present weights; the layers must be the same.
    certificate : str or None, default="auto"
        Method of :func:`sklip.bounds.lipschitz_bound` that certifies the network at
        the end of fit. "auto" is ``"lipsdp"`` up to 128 hidden neurons (a tenth of a
        second) and ``"sequential"`` above; None computes no certificate.
    callbacks : list of skorch callbacks, default=None
        E.g. ``EarlyStopping(monitor="train_loss")``. The objects given run themselves,
        as in skorch; only classes are instantiated, and ``clone`` (so every search)
        copies them by their parameters. ``set_params(callbacks__name__parameter=...)``
        reaches them. Those that watch
        ``valid_loss`` need ``early_stopping=True``; those that change gradients or the
        learning rate have no effect on ``"lbfgs"``.
    network_ : FeedForward
        The fitted network in float64; prediction and certificate use this object.
    loss_curve_ : list of float
        Training loss, penalties included, of each epoch.
    """
)


def _penalty_entry():
    """The names of the penalties and what each of them penalises."""
    names = ", ".join(f'"{name}"' for name in (*PENALTIES, "none"))
    first, *others = (f'``"{n}"`` is {p.summary}' for n, p in PENALTIES.items())
    others = [text.replace(" is ", " ", 1) for text in others]
    text = ", ".join((f"What is penalised: {first}", *others, '``"none"`` nothing.'))
    body = textwrap.fill(text, 84, initial_indent="    ", subsequent_indent="    ")
    return f'penalty : {{{names}}}, default="spectral"\n{body}'


REGULARIZED["penalty"] = _penalty_entry()
REGULARIZED |= weight_entries(3e-3, _ZERO, _NONE)
