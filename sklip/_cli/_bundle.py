# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""One file with a fitted model and all that is known about it.

A skops file is a zip archive: a description, a model card and the hashes of every
member stand beside what skops itself writes, and disturb no other reader.
"""

import hashlib
import json
import zipfile
from pathlib import Path

from sklip._cli._errors import JobError, one_sentence, shown
from sklip._progress import say

__all__ = ["Bundle", "read_bundle", "write_bundle"]

DESCRIPTION, CARD, HASHES = "sklip.json", "README.md", "sha256.json"
# Types that our own models are made of; skops knows those of scikit-learn.
_OWN_TYPES = (
    "numpy.dtype",
    "sklip.bounds._certificate.LipschitzCertificate",
    "sklip.networks._feedforward.FeedForward",
    "sklip.training._bounded.units.Units",
    "sklip.training._admm.state.SplitState",
)
_OWN_ESTIMATORS = ("sklip.estimators.",)
_FIELDS = {"task", "target", "columns", "dates", "threat", "radii", "certificate"}


class Bundle:
    """A saved model that is not loaded yet.

    Attributes
    ----------
    path : Path
        The file.
    about : dict
        Its description.
    """

    def __init__(self, path, about):
        self.path, self.about = path, about

    def altered(self):
        """Names of members that are not what was written, or came or went."""
        with zipfile.ZipFile(self.path) as archive:
            try:
                hashes = dict(json.loads(archive.read(HASHES)))
            except (KeyError, TypeError, ValueError, zipfile.BadZipFile):
                return [HASHES]
            names = set(archive.namelist()) - {HASHES}
            return sorted(names ^ set(hashes)) + [
                name
                for name in sorted(names & set(hashes))
                if _hash_of(archive, name) != hashes[name]
            ]

    def load(self, trust=()):
        """The model; first shows the types that skops does not know by itself."""
        io = _skops()
        try:
            types = io.get_untrusted_types(file=self.path)
            say(f"Types in {self.path} that skops does not know: {', '.join(types)}.")
            strange = [name for name in types if not _is_own(name)]
            refused = [name for name in strange if name not in trust]
            if refused:
                raise JobError(
                    f"{str(self.path)!r} is not loaded, as it holds types that are "
                    f"neither sklip's nor scikit-learn's: {shown(refused)} (--trust "
                    "names those you trust)."
                )
            return io.load(self.path, trusted=types)
        except JobError:
            raise
        except Exception as error:
            raise JobError(
                f"{str(self.path)!r} cannot be loaded: {one_sentence(error)}."
            ) from error


def _is_own(name):
    return name in _OWN_TYPES or name.startswith(_OWN_ESTIMATORS)


def _skops():
    try:
        from skops import io
    except ImportError:
        raise JobError(
            "A saved model needs skops, which is not installed: pip install skops."
        ) from None
    return io


def write_bundle(path, model, about, card):
    """Write all of it to a path; the caller replaces the old file."""
    io = _skops()
    io.dump(model, path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(DESCRIPTION, json.dumps(about, indent=1, allow_nan=False))
        archive.writestr(CARD, card)
        hashes = {n: _sha256(archive.read(n)) for n in archive.namelist()}
        archive.writestr(HASHES, json.dumps(hashes, indent=1))


def read_bundle(path):
    """The Bundle of a file; JobError if it is none."""
    path = Path(path)
    if not path.exists():
        raise JobError(f"There is no file {str(path)!r}.")
    try:
        with zipfile.ZipFile(path) as archive:
            about = json.loads(archive.read(DESCRIPTION))
    except (OSError, zipfile.BadZipFile, ValueError) as error:
        raise JobError(
            f"{str(path)!r} is no model that python -m sklip --save wrote: "
            f"{one_sentence(error)}."
        ) from error
    except KeyError:
        raise JobError(
            f"{str(path)!r} holds a model but no description of it: save it with "
            "python -m sklip --save."
        ) from None
    if not isinstance(about, dict) or not _FIELDS <= about.keys():
        raise JobError(f"The description in {str(path)!r} lacks what it should say.")
    return Bundle(path, about)


def _hash_of(archive, name):
    """None for a member that the archive itself finds damaged."""
    try:
        return _sha256(archive.read(name))
    except zipfile.BadZipFile:
        return None


def _sha256(content):
    return hashlib.sha256(content).hexdigest()
