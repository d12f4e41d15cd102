# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Corruption of samples by Gaussian noise."""

import numpy as np

from sklip._arguments import as_numbers, as_random_state, check_numbers, check_radius

__all__ = ["add_gaussian_noise"]


def add_gaussian_noise(X, *, noise_std, clip=None, random_state=None):
    """Copy of the samples with Gaussian noise in every entry.

    Parameters
    ----------
    X : array-like of shape (n_samples, ...)
        Numbers; whole numbers become float64, float32 stays float32.
    noise_std : float
        Standard deviation, in the units of X.
    clip : tuple of two floats, default=None
        Smallest and largest value of the result, such as (0, 1) for pixels. The paper
        does not clip.
    random_state : int, RandomState instance or None, default=None
        Seed of the noise.

    Returns
    -------
    X_noisy : ndarray of the shape of X
        The corrupted samples.

    Raises
    ------
    ValueError
        If ``noise_std`` is negative or not finite.

    Notes
    -----
    (3) of paper 002 (U3).

    Examples
    --------
    >>> import numpy as np
    >>> from sklip.datasets import add_gaussian_noise
    >>> X = np.full((100, 50), 0.5)
    >>> noisy = add_gaussian_noise(X, noise_std=0.1, random_state=0)
    >>> bool(abs(noisy.std() - 0.1) < 0.005)
    True
    """
    noise_std = check_radius(noise_std, "noise_std")
    rng = as_random_state(random_state)
    X = as_numbers(X, "X")
    if X.dtype != np.float32:
        X = X.astype(np.float64)
    noise = rng.standard_normal(X.shape)
    noisy = (X + noise_std * noise).astype(X.dtype, copy=False)
    if clip is None:
        return noisy
    ends = check_numbers(clip, "clip", ndim=1)
    if len(ends) != 2 or not ends[0] <= ends[1]:
        raise ValueError(
            f"clip must hold a smallest and a largest value, got {clip!r}."
        )
    return noisy.clip(*ends)
