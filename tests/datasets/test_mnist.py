# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""MNIST from npz, from idx files, from OpenML, and from nowhere."""

import gzip
import struct

import numpy as np
import pytest

from sklip.datasets import _mnist, load_mnist

N_TRAIN = 60000


@pytest.fixture(scope="module")
def arrays():
    """Images of few grey values, so that the files stay small."""
    rng = np.random.default_rng(0)
    images = np.zeros((N_TRAIN + 100, 28, 28), dtype=np.uint8)
    images[:, 14, 14] = rng.integers(0, 256, len(images))
    images[0, 0, 0] = 255
    labels = rng.integers(0, 10, len(images)).astype(np.uint8)
    return images[:N_TRAIN], labels[:N_TRAIN], images[N_TRAIN:], labels[N_TRAIN:]


@pytest.fixture(scope="module")
def npz(arrays, tmp_path_factory):
    path = tmp_path_factory.mktemp("npz") / "mnist.npz"
    np.savez_compressed(
        path,
        **dict(zip(("x_train", "y_train", "x_test", "y_test"), arrays, strict=True)),
    )
    return path


def write_idx(path, array):
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wb") as file:
        file.write(header + array.tobytes())


def idx_folder(folder, arrays, end="", dot=False):
    for name, array in zip(_mnist._IDX_NAMES, arrays, strict=True):
        name = name.replace("-idx", ".idx") if dot else name
        write_idx(folder / f"{name}{end}", array)
    return folder


def test_npz(npz, arrays):
    mnist = load_mnist(npz)
    assert mnist.data.shape == (N_TRAIN + 100, 784)
    assert mnist.data.dtype == np.float32 and mnist.target.dtype == np.int64
    assert mnist.data.min() == 0.0 and mnist.data.max() == 1.0
    expected = arrays[0][7].ravel() / 255.0
    assert np.allclose(mnist.data[7], expected, atol=1e-7)
    assert np.array_equal(mnist.target[N_TRAIN:], arrays[3])


def test_splits_are_the_two_parts(npz):
    both = load_mnist(str(npz))
    X, y = load_mnist(npz, split="train", return_X_y=True)
    X_test, y_test = load_mnist(npz, split="test", return_X_y=True)
    assert np.array_equal(both.data, np.concatenate([X, X_test]))
    assert np.array_equal(both.target, np.concatenate([y, y_test]))
    assert len(X_test) == 100


@pytest.mark.parametrize("end, dot", [("", False), (".gz", False), ("", True)])
def test_idx_files(npz, arrays, tmp_path, end, dot):
    found = load_mnist(idx_folder(tmp_path, arrays, end, dot), split="test")
    expected = load_mnist(npz, split="test")
    assert np.array_equal(found.data, expected.data)
    assert np.array_equal(found.target, expected.target)


def test_what_is_not_there_is_said(tmp_path, arrays):
    with pytest.raises(FileNotFoundError, match="no file or folder"):
        load_mnist(tmp_path / "nothing.npz")
    with pytest.raises(FileNotFoundError, match="lacks train-images"):
        load_mnist(tmp_path)
    write_idx(tmp_path / _mnist._IDX_NAMES[0], arrays[0][:1])
    with pytest.raises(FileNotFoundError, match="lacks train-labels"):
        load_mnist(tmp_path)


def test_what_is_not_mnist_is_refused(tmp_path, arrays):
    text = tmp_path / "mnist.npz"
    text.write_text("not an archive")
    with pytest.raises(ValueError, match="not an npz file with the arrays"):
        load_mnist(text)
    np.savez(tmp_path / "keys.npz", images=arrays[2])
    with pytest.raises(ValueError, match="not an npz file with the arrays"):
        load_mnist(tmp_path / "keys.npz")
    x_train, y_train, x_test, y_test = arrays
    for name, wrong in {
        "type": (x_train.astype(np.int16)[:2], y_train[:2], x_test, y_test),
        "shape": (x_train[:, :20], y_train, x_test, y_test),
        "labels": (x_train, y_train[:-1], x_test, y_test),
    }.items():
        with pytest.raises(ValueError, match="does not hold MNIST"):
            _mnist._joined(name, *wrong)
    with pytest.raises(ValueError, match="5 training images"):
        _mnist._joined("few", x_train[:5], y_train[:5], x_test, y_test)


@pytest.mark.parametrize(
    "content",
    [b"", b"\x00\x00", b"\x00\x00\x0d\x01" + b"\x00" * 8, b"\x00\x00\x08\x01"],
)
def test_broken_idx_files_are_refused(tmp_path, content):
    for name in _mnist._IDX_NAMES:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match="not an idx file"):
        load_mnist(tmp_path)


def test_truncated_idx_file_is_refused(tmp_path, arrays):
    folder = idx_folder(tmp_path, arrays)
    path = folder / _mnist._IDX_NAMES[3]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="not an idx file"):
        load_mnist(folder)


def test_openml_when_no_path_is_given(monkeypatch):
    calls = []

    def fetch(name, **arguments):
        calls.append((name, arguments["version"]))
        return np.full((3, 784), 255), np.array(["5", "0", "4"], dtype=object)

    monkeypatch.setattr(_mnist, "fetch_openml", fetch)
    X, y = load_mnist(return_X_y=True)
    assert calls == [("mnist_784", 1)]
    assert X.max() == 1.0 and y.tolist() == [5, 0, 4]


@pytest.mark.parametrize("error", [OSError("no route"), ValueError("md5 differs")])
def test_offline_without_a_path_says_what_to_do(monkeypatch, error):
    def fetch(name, **arguments):
        raise error

    monkeypatch.setattr(_mnist, "fetch_openml", fetch)
    with pytest.raises(FileNotFoundError, match=f"{error}.*Give load_mnist the path"):
        load_mnist()


def test_split_is_checked_first():
    with pytest.raises(ValueError, match="split must be"):
        load_mnist("nowhere", split="valid")
