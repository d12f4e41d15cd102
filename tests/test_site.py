# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What the pages are made of (``docs/*.py``): formulas, measurements, names."""

import ast
import csv
import importlib
import re
import sys

import pytest

docutils = pytest.importorskip("docutils")
pytest.importorskip("sphinx")

_INLINE = re.compile(r":math:`([^`]+)`")
_BLOCK = re.compile(r"^( *)\.\. math:: ?(.*)\n((?:\1 +.*\n|\s*\n)*)", re.MULTILINE)


@pytest.fixture
def docs(repository, monkeypatch):
    monkeypatch.syspath_prepend(str(repository / "docs"))
    yield repository / "docs"
    for name in ("api_reference", "mathml", "measured", "references"):
        sys.modules.pop(name, None)


def _texts(repository):
    """Pages and docstrings, with where they stand."""
    for path in [*(repository / "docs").rglob("*.rst")]:
        yield path, path.read_text(encoding="utf-8")
    for folder in ("sklip", "examples"):
        for path in (repository / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                    yield path, ast.get_docstring(node) or ""


def test_browsers_can_draw_every_formula(repository, docs):
    mathml = importlib.import_module("mathml").mathml
    n = 0
    for path, text in _texts(repository):
        blocks = [f"{found[2]}\n{found[3]}" for found in _BLOCK.finditer(text)]
        blocks = [part for block in blocks for part in block.strip().split("\n\n")]
        formulas = [(tex, False) for tex in _INLINE.findall(text)]
        for tex, as_block in [*formulas, *((tex, True) for tex in blocks)]:
            n += 1
            try:
                assert "<math" in mathml(tex.strip(), as_block=as_block)
            except docutils.utils.math.MathError as error:
                pytest.fail(f"{path}: {tex!r}: {error}")
    assert n > 300


@pytest.mark.parametrize(
    "name, shown",
    [
        ("names stay", "names stay"),
        ("20640", "20640"),
        ("4.9046988041515664", "4.905"),
        ("135.704536572", "135.7"),
        ("31415.9", "31416"),
        ("1.19e+04", "11900"),
        ("", ""),
    ],
)
def test_digits_of_measurements(docs, name, shown):
    assert importlib.import_module("measured")._shown(name, 4) == shown


def test_tables_of_measurements_hold_what_their_files_hold(repository, docs):
    measured = importlib.import_module("measured")
    pattern = re.compile(r"^\.\. measured:: (\S+)\n((?:   :\w+:.*\n)+)", re.MULTILINE)
    tables = [
        (name, dict(re.findall(r":(\w+): (.*)", options)))
        for path in docs.rglob("*.rst")
        for name, options in pattern.findall(path.read_text(encoding="utf-8"))
    ]
    assert tables
    for name, options in tables:
        with open(repository / "benchmarks" / name, encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        if "pivot" in options:
            kept = dict(pair.strip().split("=") for pair in options["where"].split(";"))
            rows = _pivoted(rows, kept, options["pivot"])
        table = measured.table_of(name, options)
        titles, *cells = (
            [entry.astext() for entry in row.findall(docutils.nodes.entry)]
            for row in table.findall(docutils.nodes.row)
        )
        names = [
            part.split(" as ")[0].strip() for part in options["columns"].split(",")
        ]
        assert len(titles) == len(names) and 0 < len(cells) <= len(rows)
        for row in cells:
            assert any(
                all(
                    _agree(cell, source[name])
                    for cell, name in zip(row, names, strict=True)
                )
                for source in rows
            ), row


def _pivoted(rows, kept, key):
    """Rows with every combination of cases and norms, and the values by ``key``."""
    rows = [row for row in rows if all(row[k] == v for k, v in kept.items())]
    return [
        {"case": case, "norm": norm}
        | {r[key]: r["value"] for r in rows if (r["case"], r["norm"]) == (case, norm)}
        for case, norm in {(row["case"], row["norm"]) for row in rows}
    ]


def _agree(cell, source):
    try:
        return float(cell) == pytest.approx(float(source), rel=0.005)
    except ValueError:
        return cell == source


def test_references_lead_to_names_that_exist(docs):
    references = importlib.import_module("references")
    for short, full in references._places().items():
        package, _, name = full.rpartition(".")
        assert getattr(importlib.import_module(package), name).__doc__
        assert short in (name, f"sklip.{name}", full)
    assert references._exists("sklearn.pipeline.Pipeline")
    assert not references._exists("sklearn.pipeline.Pipelin")
    assert not references._exists("nowhere.at_all")
