# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Accuracy of a classifier on samples with Gaussian noise."""

from functools import partial

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from scipy import sparse

from sklip._arguments import (
    check_count,
    check_labels,
    check_radii,
    check_sample_weight,
    check_seed,
    refuse_masked,
)
from sklip._blocks import check_jobs, part_of
from sklip._copies import own_copy
from sklip._documentation import documented
from sklip._multilabel import check_indicator
from sklip._progress import Progress
from sklip._shared_docs import SHARED
from sklip.certification._groups import members_of
from sklip.certification._predictions import predicted_labels
from sklip.exceptions import InvalidArgumentError

__all__ = ["noise_accuracy_curve"]

# Entries of the samples that are noised at a time: some ten MB.
_ENTRIES = 2_000_000


@documented(SHARED)
def noise_accuracy_curve(
    model,
    X,
    y,
    noise_stds=None,
    *,
    n_repeats=1,
    sample_weight=None,
    groups=None,
    random_state=0,
    n_jobs=None,
    verbose=0,
):
    """Accuracy under Gaussian noise of growing size: measured, not proven.

    Parameters
    ----------
    model : fitted classifier, Pipeline, FeedForward or torch module
        Anything with ``predict``; of a network or module the largest output decides.
    X : array-like, sparse matrix or DataFrame of shape (n_samples, ...)
        Samples of numbers, as the model takes them. Noise leaves no entry at zero:
        blocks of sparse rows are made dense.
    y : array-like of shape (n_samples,) or (n_samples, n_labels)
        Labels; of a multilabel classifier a matrix of 0 and 1, and a sample is right
        where all its labels are.
    noise_stds : array-like of shape (n_stds,), default=None
        Standard deviations of the noise in every entry, in the units of X; None takes 0
        to 0.5 in steps of 0.01.
    n_repeats : int, default=1
        Draws of the noise. One draw serves all standard deviations, scaled, so that
        neighbouring points of the curve differ by the noise's size alone.
    {sample_weight, groups}
    random_state : int or None, default=0
        Seed of the noise; fixed by default, so that models meet the same noise.
    {n_jobs, verbose}

    Returns
    -------
    accuracies : ndarray of shape (n_stds, n_repeats)
        Share of the samples whose prediction is right.
        With ``groups`` a dict from each class or label to this; NaN without weight.

    Raises
    ------
    TypeError
        If X holds anything but numbers.
    ValueError
        If a standard deviation is negative or not finite, or lengths differ.

    See Also
    --------
    certified_accuracy_curve : The proven counterpart, against any perturbation.

    Notes
    -----
    The test of paper 002 (U12): noise is added as it is, without clipping.

    Examples
    --------
    {iris_model}
    >>> from sklip.certification import noise_accuracy_curve
    >>> curve = noise_accuracy_curve(model, X, y, [0.0, 1.0], n_repeats=5)
    >>> curve.shape
    (2, 5)
    >>> bool((curve[0] == model.score(X, y)).all() and curve[1].max() < curve[0].min())
    True
    """
    noise_stds = np.linspace(0.0, 0.5, 51) if noise_stds is None else noise_stds
    stds = check_radii(noise_stds, "noise_stds")
    n_repeats = check_count(n_repeats, "n_repeats")
    check_jobs(n_jobs, verbose)
    random_state = check_seed(random_state)
    members = members_of(groups, y)
    X = _samples(X)
    shape = y.shape if hasattr(y, "shape") else np.shape(y)
    has_columns = len(shape) == 2 and shape[1] > 1
    y = check_indicator(y) if has_columns else check_labels(y)
    if len(y) != X.shape[0] or len(y) == 0:
        raise ValueError(f"X has {X.shape[0]} samples and y {len(y)} labels.")
    weight = check_sample_weight(sample_weight, len(y))
    rng = np.random.default_rng(random_state)
    members = {"all": np.ones(len(y), dtype=bool)} if members is None else members
    # One row of weights for each group.
    shares = np.array([np.where(member, weight, 0.0) for member in members.values()])
    right = np.zeros((len(shares), len(stds), n_repeats))
    progress = Progress(len(y) * n_repeats, "rows done")
    work = _draws(X, y, n_repeats, rng)
    for rows, repeat, hits in _spread(partial(_hits, model, stds), work, n_jobs):
        right[:, :, repeat] += shares[:, rows] @ hits.T
        if verbose:
            progress.advance(len(y[rows]))
    with np.errstate(invalid="ignore"):
        found = right / shares.sum(axis=1)[:, None, None]
    return found[0] if groups is None else dict(zip(members, found, strict=True))


def _draws(X, y, n_repeats, rng):
    """Blocks of rows with noise, drawn in one order however many processes there are.

    A call is (rows, repeat, samples, labels, noise).
    """
    step = max(1, _ENTRIES // max(1, int(np.prod(X.shape[1:]))))
    for start in range(0, len(y), step):
        rows = slice(start, start + step)
        samples = part_of(X, rows)
        samples = samples.toarray() if sparse.issparse(samples) else samples
        for repeat in range(n_repeats):
            noise = rng.standard_normal(samples.shape, dtype=_noise_type(samples))
            yield rows, repeat, samples, y[rows], noise


def _hits(model, stds, rows, repeat, samples, y, noise):
    """The rows, the draw, and which predictions are right at each size of the noise."""
    noisy = (_noisy(samples, noise, std) for std in stds)
    return (
        rows,
        repeat,
        np.array([_right(predicted_labels(model, X), y) for X in noisy]),
    )


def _right(predicted, y):
    """Which samples are right: of a set of labels all of them."""
    if np.ndim(predicted) != y.ndim:
        raise ValueError(
            f"predict gives labels of shape {np.shape(predicted)}, and y has {y.shape}."
        )
    right = np.asarray(predicted == y)
    return right.all(axis=1) if y.ndim == 2 else right


def _spread(function, calls, n_jobs):
    """What a function gives for each call, in their order."""
    if effective_n_jobs(n_jobs) == 1:
        return (function(*call) for call in calls)
    parallel = Parallel(n_jobs=n_jobs, return_as="generator")
    return parallel(delayed(function)(*call) for call in calls)


def _samples(X):
    """X with a row for each sample; text and complex numbers are refused."""
    refuse_masked(X, "X")
    if sparse.issparse(X):
        return X.tocsr()
    if not hasattr(X, "shape"):
        X = np.asarray(X)
    kind = getattr(getattr(X, "dtype", None), "kind", "f")
    if len(X.shape) < 2 or kind not in "iufbO":
        raise InvalidArgumentError(
            "X must hold numbers, a row for each sample, got shape "
            f"{tuple(X.shape)} and dtype {getattr(X, 'dtype', None)}."
        )
    return X


def _noise_type(samples):
    return np.float32 if getattr(samples, "dtype", None) == np.float32 else np.float64


def _noisy(samples, noise, std):
    if std == 0:
        return own_copy(samples)
    try:
        return samples + noise.dtype.type(std) * noise
    except TypeError as error:
        raise TypeError(
            "Noise can only be added to numbers: X has columns of another kind."
        ) from error
