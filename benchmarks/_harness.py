# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What the benchmarks share: a CSV table that resumes, CPU seconds, the options.

Needs the standard library alone, so that every benchmark can use it.
"""

import argparse
import csv
import gc
import os
import time

__all__ = ["Table", "cpu_seconds", "options_of", "timed"]


class Table:
    """Rows of a CSV file. Each is written as soon as it is known, and never again.

    Parameters
    ----------
    path : str or None
        File to go on with; None keeps the rows in memory.
    columns : sequence of str
        Header of a new file.
    n_keys : int, default=1
        The first so many columns say what was measured.
    form : callable, default=str
        How a value is written.
    """

    def __init__(self, path, columns, n_keys=1, form=str):
        self.path, self.columns = path, list(columns)
        self.n_keys, self.form = n_keys, form
        self.rows = []
        if path and os.path.exists(path):
            with open(path, newline="", encoding="utf-8") as file:
                self.rows = list(csv.DictReader(file))

    def find(self, *key):
        """Rows that begin with these values, compared as they are written."""
        key = [self.form(value) for value in key]
        columns = self.columns[: len(key)]
        return [row for row in self.rows if [row[c] for c in columns] == key]

    def fill(self, key, measure):
        """Call ``measure()`` for the other columns unless a row has this key."""
        if not self.find(*key):
            self.add(*key, *measure())

    def add(self, *values):
        """Print one row and append it to the file."""
        texts = [self.form(value) for value in values]
        self.rows.append(dict(zip(self.columns, texts, strict=True)))
        print("\t".join(texts), flush=True)
        if self.path:
            new = not os.path.exists(self.path)
            with open(self.path, "a", newline="", encoding="utf-8") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerows(([self.columns] if new else []) + [texts])


def timed(function):
    """Result of one call, and its CPU seconds; garbage is collected before."""
    gc.collect()
    start = time.process_time()
    result = function()
    return result, time.process_time() - start


def cpu_seconds(function):
    """CPU seconds of one call."""
    return timed(function)[1]


def options_of(doc, output=None, add=lambda argument: None):
    """Options from the command line: ``--output`` and what ``add`` adds.

    Parameters
    ----------
    doc : str
        The benchmark's docstring, shown by ``--help``.
    output : str, default=None
        Default of ``--output``; None writes no file.
    add : callable, default=none more
        Is given ``parser.add_argument``.
    """
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", default=output, help="CSV to write and to resume")
    add(parser.add_argument)
    return parser.parse_args()
