# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Tables and picture of the README, from the CSV files in ``benchmarks``.

    python docs/readme.py

A table stands between two comments; the first says what is in it, in the words of the
directive ``measured`` (measured.py)::

    <!-- measured FILE.csv
    columns: TEMPLATE as TITLE | ...
    where: COLUMN=VALUE; ...
    by: COLUMN, ...
    pivot: COLUMN, ...
    -->
    <!-- /measured -->
"""

import hashlib
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from measurements import BENCHMARKS, cells_of, rows_of  # noqa: E402

__all__ = ["PICTURE", "filled", "source_of_picture"]

README = Path(__file__).parent.parent / "README.md"
PICTURE = Path(__file__).parent / "_static" / "families.png"
_SOURCE = "certified_digits.csv"
_BLOCK = re.compile(
    r"(?P<head><!-- measured (?P<name>\S+)\n(?P<options>.*?)-->\n)"
    r".*?(?P<end><!-- /measured -->)",
    re.DOTALL,
)


def filled(text):
    """The README with the tables that the files give today."""
    return _BLOCK.sub(lambda m: m["head"] + _table(m) + m["end"], text)


def _table(match):
    lines = (line.partition(":") for line in match["options"].strip().split("\n"))
    options = {key.strip(): value.strip() for key, _, value in lines}
    where = options.get("where", "")
    parts = [part.strip().partition(" as ") for part in options["columns"].split(" | ")]
    cells = cells_of(
        rows_of(match["name"], where),
        [part[0] for part in parts],
        by=_listed(options.get("by", "")),
        pivot=_listed(options.get("pivot", "")) or None,
        where=where,
    )
    titles = [part[2] or part[0] for part in parts]
    rule = ["---", *["---:"] * (len(titles) - 1)]
    return "".join(f"| {' | '.join(row)} |\n" for row in [titles, rule, *cells])


def _listed(text):
    return [part.strip() for part in text.split(",") if part.strip()]


def source_of_picture():
    """What the picture says it was drawn from: the file's hash."""
    content = (BENCHMARKS / _SOURCE).read_bytes().replace(b"\r\n", b"\n")
    return f"{_SOURCE} {hashlib.sha256(content).hexdigest()}"


def draw():
    """Write the picture, with its source in it."""
    import figures

    figures.draw_families(PICTURE, metadata={"Description": source_of_picture()})


if __name__ == "__main__":
    README.write_text(filled(README.read_text(encoding="utf-8")), encoding="utf-8")
    draw()
