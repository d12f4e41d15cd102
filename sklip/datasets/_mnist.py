# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Reader of the MNIST digits: a local file or folder, or OpenML."""

import gzip
import struct
import warnings
from pathlib import Path

import numpy as np
from sklearn.datasets import fetch_openml
from sklearn.utils import Bunch

from sklip._arguments import check_flag, check_option

__all__ = ["load_mnist"]

_NPZ_KEYS = ("x_train", "y_train", "x_test", "y_test")
_IDX_NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
_N_TRAIN = 60000


def load_mnist(path=None, *, split=None, return_X_y=False):
    """Load the MNIST digits as rows of 784 pixels between 0 and 1.

    Parameters
    ----------
    path : str or Path, default=None
        An npz file with the arrays ``x_train, y_train, x_test, y_test`` (the one that
        Keras distributes), or a folder with the four original idx files, gzipped or
        not. None downloads the data from OpenML into scikit-learn's data folder, or
        finds them there.
    split : {"train", "test"} or None, default=None
        The 60000 training or the 10000 test images; None gives both, in this order.
    return_X_y : bool, default=False
        Whether to return a pair instead of a Bunch.

    Returns
    -------
    mnist : Bunch or tuple of (ndarray, ndarray)
        ``data``, float32 of shape (n_samples, 784), pixels divided by 255; ``target``,
        int64 of shape (n_samples,), the digits.

    Raises
    ------
    FileNotFoundError
        If there is nothing at ``path``, or no path is given and OpenML cannot be
        reached; the message says what to do.
    ValueError
        If what lies at ``path`` is not MNIST, or ``split`` is not allowed.

    Notes
    -----
    Table 1 and Fig. 4 of paper 000 (A21) and section 6.1 of paper 002 (U8) use it.

    Examples
    --------
    >>> from sklip.datasets import load_mnist
    >>> load_mnist("no/such/file.npz")
    Traceback (most recent call last):
        ...
    FileNotFoundError: There is no file or folder 'no/such/file.npz'. Give ...
    """
    if split is not None:
        check_option(split, "split", ("train", "test"))
    check_flag(return_X_y, "return_X_y")
    if not isinstance(path, str | Path | None):
        raise TypeError(f"path must be a str, a Path or None, got {path!r}.")
    if path is None:
        images, labels = _from_openml()
    elif not Path(path).exists():
        raise FileNotFoundError(
            f"There is no file or folder {str(path)!r}. Give load_mnist the path of an "
            "npz file with x_train, y_train, x_test, y_test, or of a folder with the "
            "four idx files."
        )
    elif Path(path).is_dir():
        images, labels = _from_idx(Path(path))
    else:
        images, labels = _from_npz(path)
    part = {"train": slice(_N_TRAIN), "test": slice(_N_TRAIN, None)}
    if split is not None:
        images, labels = images[part[split]], labels[part[split]]
    X = (images.reshape(len(images), -1) / np.float32(255.0)).astype(np.float32)
    y = labels.astype(np.int64)
    return (X, y) if return_X_y else Bunch(data=X, target=y)


def _from_npz(path):
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = [file[key] for key in _NPZ_KEYS]
    except (KeyError, OSError, ValueError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{str(path)!r} is not an npz file with the arrays {', '.join(_NPZ_KEYS)}."
        ) from error
    return _joined(path, *arrays)


def _from_idx(folder):
    arrays = []
    for name in _IDX_NAMES:
        # Some mirrors write the last dash as a dot.
        stems = (name, name.replace("-idx", ".idx"))
        candidates = [folder / f"{stem}{end}" for stem in stems for end in ("", ".gz")]
        found = next((file for file in candidates if file.exists()), None)
        if found is None:
            raise FileNotFoundError(
                f"{str(folder)!r} lacks {name} (or {name}.gz). The four files needed "
                f"are {', '.join(_IDX_NAMES)}."
            )
        arrays.append(_read_idx(found))
    return _joined(folder, *arrays)


def _read_idx(path):
    """Array of unsigned bytes in the idx format: magic number, sizes, values."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as file:
        content = file.read()
    zeros, kind, ndim = struct.unpack(">HBB", content[:4].ljust(4, b"\xff"))
    start = 4 + 4 * ndim
    if zeros == 0 and kind == 8 and len(content) >= start:
        shape = struct.unpack(f">{ndim}I", content[4:start])
        values = np.frombuffer(content, dtype=np.uint8, offset=start)
        if values.size == np.prod(shape, dtype=np.int64):
            return values.reshape(shape)
    raise ValueError(f"{str(path)!r} is not an idx file of unsigned bytes.")


def _joined(path, x_train, y_train, x_test, y_test):
    for images, labels in ((x_train, y_train), (x_test, y_test)):
        is_mnist = images.dtype == np.uint8 and images.shape[1:] in ((28, 28), (784,))
        if not is_mnist or labels.shape != images.shape[:1]:
            raise ValueError(
                f"{str(path)!r} does not hold MNIST: images must be unsigned bytes of "
                f"shape (n, 28, 28) with one label each, got {images.dtype} "
                f"{images.shape} and labels {labels.shape}."
            )
    if len(x_train) != _N_TRAIN:
        raise ValueError(
            f"{str(path)!r} has {len(x_train)} training images instead of {_N_TRAIN}."
        )
    images = [x.reshape(-1, 784) for x in (x_train, x_test)]
    return np.concatenate(images), np.concatenate([y_train, y_test])


def _from_openml():
    try:
        with warnings.catch_warnings():
            # That a download is tried again is not the caller's business.
            warnings.simplefilter("ignore")
            data, target = fetch_openml(
                "mnist_784",
                version=1,
                return_X_y=True,
                as_frame=False,
                parser="liac-arff",
                n_retries=1,
                delay=0.1,
            )
    except (OSError, ValueError) as error:
        raise FileNotFoundError(
            "MNIST is neither in scikit-learn's data folder nor reachable at OpenML "
            f"({error}). Give load_mnist the path of an npz or idx copy, or connect to "
            "the internet once."
        ) from error
    return data.astype(np.uint8), target.astype(np.int64)
