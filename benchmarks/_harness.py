# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What the benchmarks share: a CSV table that resumes, CPU seconds, the options.

Needs the standard library alone, so that every benchmark can use it.
"""

import argparse
import csv
import gc
import os
import subprocess
import time

__all__ = ["Table", "commit", "cpu_seconds", "parse", "timed"]


class Table:
    """Rows of a CSV file. Each is written as soon as it is known, and never again.

    Parameters
    ----------
    path : str or None
        File to go on with; None keeps the rows in memory.
    columns : sequence of str
        Header of a new file.
    form : callable, default=str
        How a value is written; texts stay as they are.
    echo : bool, default=True
        Print the header and every new row.
    """

    def __init__(self, path, columns, form=str, echo=True):
        self.path, self.columns = path, list(columns)
        self.form, self.echo = form, echo
        self.rows = []
        if path and os.path.exists(path):
            with open(path, newline="", encoding="utf-8") as file:
                self.rows = list(csv.DictReader(file))
        if echo:
            print("\t".join(self.columns))

    def texts(self, values):
        """Values as they are written."""
        return [v if isinstance(v, str) else self.form(v) for v in values]

    def find(self, *key):
        """Rows that begin with these values, compared as they are written."""
        key = self.texts(key)
        columns = self.columns[: len(key)]
        return [row for row in self.rows if [row[c] for c in columns] == key]

    def fill(self, key, measure):
        """Call ``measure()`` for the other columns, unless a row has this key."""
        if not self.find(*key):
            self.add([*key, *measure()])

    def replace(self, key, measure):
        """Measure the row with this key again, in its place."""
        (row,) = self.find(*key)
        new = self.texts([*key, *measure()])
        self.rows[self.rows.index(row)] = dict(zip(self.columns, new, strict=True))
        if self.echo:
            print("\t".join(new), flush=True)
        if self.path:
            # Whole or not at all: a run may be stopped at any time.
            with open(f"{self.path}.new", "w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerows([self.columns, *(r.values() for r in self.rows)])
            os.replace(f"{self.path}.new", self.path)

    def fill_group(self, key, measure):
        """As fill, where ``measure()`` gives the other columns of several rows."""
        if not self.find(*key):
            self.add(*[[*key, *row] for row in measure()])

    def add(self, *rows):
        """Append rows to the file, all of them or none."""
        rows = [self.texts(row) for row in rows]
        self.rows += [dict(zip(self.columns, row, strict=True)) for row in rows]
        for row in rows if self.echo else ():
            print("\t".join(row), flush=True)
        if self.path and rows:
            new = not os.path.exists(self.path)
            with open(self.path, "a", newline="", encoding="utf-8") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerows(([self.columns] if new else []) + rows)


def commit():
    """The commit that is checked out, with a "+" if sources were changed since."""
    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

    def git(*words):
        command = ["git", "-C", folder, *words]
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "sklip")
    return (git("rev-parse", "--short", "HEAD") or "-") + "+" * bool(changed)


def timed(function):
    """Result of one call, and its CPU seconds; garbage is collected before."""
    gc.collect()
    start = time.process_time()
    result = function()
    return result, time.process_time() - start


def cpu_seconds(function):
    """CPU seconds of one call."""
    return timed(function)[1]


def parse(doc, output=None, **arguments):
    """Options of the command line: ``--output``, and others by their name.

    Parameters
    ----------
    doc : str
        The benchmark's docstring, shown by ``--help``.
    output : str, default=None
        Default of ``--output``; None writes no file.
    **arguments : dict
        Name -> keywords of ``add_argument``, or the default alone, which says the
        type; a name in capitals is a positional argument.
    """
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", default=output, help="CSV to write and to resume")
    for name, keywords in arguments.items():
        flag = name.lower() if name.isupper() else "--" + name.replace("_", "-")
        if not isinstance(keywords, dict):
            keywords = {"default": keywords, "type": type(keywords)}
        parser.add_argument(flag, **keywords)
    return parser.parse_args()
