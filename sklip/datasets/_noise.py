# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Corruption of samples by Gaussian noise."""

from numbers import Real

import numpy as np
from sklearn.utils import check_random_state

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
    if not isinstance(noise_std, Real) or not 0 <= noise_std < np.inf:
        raise ValueError(f"noise_std must be finite and >= 0, got {noise_std!r}.")
    X = np.asarray(X)
    if X.dtype != np.float32:
        X = X.astype(np.float64)
    noise = check_random_state(random_state).standard_normal(X.shape)
    noisy = (X + noise_std * noise).astype(X.dtype, copy=False)
    return noisy if clip is None else noisy.clip(*clip)
