# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Which names other packages document, and on which of their pages.

    python docs/inventories.py                # asks their sites
    python docs/inventories.py --from FOLDER  # reads FOLDER/PACKAGE.inv instead

Every site built with Sphinx has such a list, ``objects.inv``; where the sites cannot be
reached, distributions' packages of documentation hold it too (Debian's
``python-sklearn-doc``). What is kept of it, names and pages of Python objects, lies in
``docs/inventories``, so that the pages are built, and dead references found, offline.
"""

import argparse
import functools
import urllib.request
import zlib
from pathlib import Path

__all__ = ["SITES", "page_of"]

SITES = {
    "sklearn": "https://scikit-learn.org/stable/",
    "numpy": "https://numpy.org/doc/stable/",
    "scipy": "https://docs.scipy.org/doc/scipy/",
    "pandas": "https://pandas.pydata.org/docs/",
    "joblib": "https://joblib.readthedocs.io/en/stable/",
    "skorch": "https://skorch.readthedocs.io/en/stable/",
    "torch": "https://docs.pytorch.org/docs/stable/",
}
FOLDER = Path(__file__).with_name("inventories")
_FIRST = b"# Sphinx inventory version 2\n"


def page_of(name):
    """Address of what the inventory of a name's package says about it.

    None where it says nothing; LookupError where there is no such inventory.
    """
    package = name.partition(".")[0]
    path = FOLDER / f"{package}.inv"
    if not path.exists():
        raise LookupError(f"no inventory of {package}")
    page = _pages(path).get(name)
    return None if page is None else SITES[package] + page


@functools.cache
def _pages(path):
    _, lines = _read(path.read_bytes())
    parts = (line.split(" ") for line in lines)
    return {name: page.replace("$", name) for name, _, _, page, _ in parts}


def _read(content):
    """Comment lines and entries "name role priority page title" of an inventory."""
    if not content.startswith(_FIRST):
        raise ValueError("this is no inventory of version 2")
    *head, packed = content.split(b"\n", 4)
    return head, zlib.decompress(packed).decode("utf-8").splitlines()


def _python_only(content):
    """The same inventory without pages, labels and titles of other domains."""
    head, lines = _read(content)
    parts = (line.split(" ", 4) for line in lines if line.count(" ") >= 4)
    kept = [f"{n} {role} 1 {page} -" for n, role, _, page, _ in parts if ":" in role]
    kept = sorted(line for line in kept if line.split(" ")[1].startswith("py:"))
    packed = zlib.compress("\n".join(kept).encode("utf-8") + b"\n", 9)
    return b"\n".join([*head, packed]), len(kept)


def main():
    """Fetch each inventory, and keep the old one where there is none."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--from", dest="source", type=Path, help="folder of files")
    source = parser.parse_args().source
    for package, site in SITES.items():
        try:
            if source is None:
                with urllib.request.urlopen(f"{site}objects.inv", timeout=60) as file:
                    content = file.read()
            else:
                content = (source / f"{package}.inv").read_bytes()
            kept, n_names = _python_only(content)
        except (OSError, ValueError) as error:
            print(f"{package}: {error}")
            continue
        FOLDER.mkdir(exist_ok=True)
        (FOLDER / f"{package}.inv").write_bytes(kept)
        version = kept.split(b"\n", 3)[2].decode("utf-8").removeprefix("# ")
        print(f"{package}: {version}, {n_names} names")


if __name__ == "__main__":
    main()
