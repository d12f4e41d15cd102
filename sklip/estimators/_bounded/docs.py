# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Parameters and attributes of the networks bounded by construction."""

from sklip._documentation import entries

__all__ = ["BOUNDED"]

BOUNDED = entries(
    """
    batch_size : int, default=128
        Samples of a batch; at most all of them.
    learning_rate_init : float, default=0.03
        Largest step size: a cosine leads up to it over 30 % of the steps and down to
        0 over the rest. :meth:`partial_fit` takes it throughout.
    max_iter : int, default=80
        Epochs. All are run unless ``early_stopping`` or a callback ends them: the step
        size comes to rest by itself, so that more epochs mean a slower descent.
    random_state : int, RandomState instance or None, default=None
        Determines initial weights, order of samples, noise and the held-out part.
    tol : float, default=1e-4
        With ``early_stopping``, improvement of the score that counts.
    verbose : bool, default=False
        Print the loss of each epoch.
    warm_start : bool, default=False
        Start from the weights of the last fit; the layers must be the same.
    n_iter_no_change : int, default=10
        With ``early_stopping``, epochs without improvement that are allowed.
    callbacks : list of skorch callbacks, default=None
        Between epochs they see the averaged network.
    network_ : FeedForward
        The fitted network in float64 with "abs" activations; prediction and certificate
        use this object.
    certificate_ : LipschitzCertificate
        Proof of ``lipschitz_bound_``; None if ``certificate=None``.
    input_noise : float, default=0.0
        Standard deviation of normal noise that is added to the inputs of every batch,
        in the units of X; about a tenth of the radius is worth half a point on images.
    averaging : float in [0, 1), default=0.99
        Decay of the average of the weights over the steps, which is what is validated
        and deployed; 0 takes the last weights.
    """
)
