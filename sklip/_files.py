# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Files written whole or not at all."""

import os
import uuid
from contextlib import contextmanager
from pathlib import Path

__all__ = ["replacing"]


@contextmanager
def replacing(path):
    """Write a file beside the one that it replaces, and swap them when it is whole.

    A full disk, an error or a crash on the way leaves the old file as it was, or none
    where there was none.

    Parameters
    ----------
    path : str or Path
        What is to be written. A link stays one: the file behind it is replaced. What is
        no regular file, a pipe or ``/dev/stdout``, is written directly.

    Yields
    ------
    beside : Path
        An empty file to write to, with the same ending.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        yield target
        return
    beside = target.with_name(f".{uuid.uuid4().hex}{target.suffix}")
    beside.touch(exist_ok=False)
    try:
        yield beside
        _sync(beside)
        if target.exists():
            beside.chmod(target.stat().st_mode & 0o7777)
        os.replace(beside, target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def _sync(path):
    """Have the contents on the disk before the name points to them."""
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def _sync_folder(folder):
    """The new name as well, where folders can be opened (not on Windows)."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
