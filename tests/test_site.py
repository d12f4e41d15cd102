# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What the pages are made of (``docs/*.py``): formulas, measurements, names."""

import ast
import importlib
import re
import sys
import textwrap
import zlib

import pytest

from sklip.bounds import BOUND_METHODS

docutils = pytest.importorskip("docutils")
pytest.importorskip("sphinx")

_INLINE = re.compile(r":math:`([^`]+)`")
_BLOCK = re.compile(r"^( *)\.\. math:: ?(.*)\n((?:\1 +.*\n|\s*\n)*)", re.MULTILINE)


@pytest.fixture
def docs(repository, monkeypatch):
    monkeypatch.syspath_prepend(str(repository / "docs"))
    yield repository / "docs"
    names = (
        "api_reference",
        "bound_methods",
        "mathml",
        "measured",
        "measurements",
        "references",
    )
    for name in names:
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
    "short, long",
    [
        (r"\tfrac12 x", r"\tfrac{1}{2} x"),
        (r"\frac 3 4", r"\frac{3}{4}"),
        (r"a \dots b", r"a \ldots b"),
        (r"\bigl( ½ \bigr)", r"( \frac{1}{2} )"),
    ],
)
def test_formulas_mean_what_tex_makes_of_them(docs, short, long):
    mathml = importlib.import_module("mathml").mathml
    assert mathml(short) == mathml(long)


@pytest.fixture
def files(docs, tmp_path, monkeypatch):
    """Pages read the CSV files that a test writes."""
    monkeypatch.setattr(importlib.import_module("measurements"), "BENCHMARKS", tmp_path)

    def write(name, text):
        (tmp_path / name).write_text(textwrap.dedent(text).lstrip(), encoding="utf-8")

    write(
        "t.csv",
        """
        net,solver,seed,bound,cpu_s
        a,native,0,1.0,0.25
        a,native,1,2.0,0.75
        a,other,0,4.0,1234.5
        b,native,0,8.0,31415.9
        b,other,0,,nan
        """,
    )
    write("t_printed.csv", "net,solver,bound\na,native,7.5\nb,native,9.25\n")
    return write


@pytest.mark.parametrize(
    "name, shown",
    [
        ("names stay", "names stay"),
        ("20640", "20640"),
        ("4.9046988041515664", "4.905"),
        ("135.704536572", "135.7"),
        ("31415.9", "31416"),
        ("1.19e+04", "11900"),
        ("", "–"),
    ],
)
def test_digits_of_measurements(docs, name, shown):
    assert importlib.import_module("measurements").shown([name], digits=4) == shown


def _cells(table):
    return [
        [entry.astext() for entry in row.findall(docutils.nodes.entry)]
        for row in table.findall(docutils.nodes.row)
    ]


def test_a_table_of_means_and_columns_from_values(files):
    options = {
        "columns": "net as network\n{native:±.1f}\n{native > cpu_s} as s\n{other}",
        "by": "net",
        "pivot": "solver",
        "value": "bound",
        "where": "net=b|a",
        "names": "b=second",
    }
    table_of = importlib.import_module("measured").table_of
    assert _cells(table_of("t.csv", options)) == [
        ["network", "{native:±.1f}", "s", "{other}"],
        ["second", "8.0±0.0", "31416", "–"],
        ["a", "1.5±0.5", "0.5", "4"],
    ]


def test_rows_that_a_paper_printed_join_under_their_own_name(files):
    options = {
        "columns": "net\n{native:.2f} as ours\n{printed native:.2f} as paper",
        "pivot": "solver",
        "value": "bound",
        "where": "seed=0",
        "also": "t_printed.csv; net=a|b",
    }
    table_of = importlib.import_module("measured").table_of
    lines = _cells(table_of("t.csv", options))[1:]
    assert lines == [["a", "1.00", "7.50"], ["b", "8.00", "9.25"]]


@pytest.mark.parametrize(
    "content, shown",
    [
        ("t.csv; {bound:.1f}; net=a; solver=native", "1.5"),
        ("t.csv; {max bound:.0f}; net=a", "4"),
        ("t.csv; {number bound:.0f}", "4"),
        ("t.csv; {cpu_s / bound:.2f}; net=a; solver=native; seed=1", "0.38"),
        ("t.csv; {cpu_s / bound - 1:+.0%}; net=a; seed=0; solver=native", "-75%"),
        ("t.csv; {cpu_s:.0f}; solver=other; net=a; over; net=a; seed=0", "2"),
        ("t.csv; {bound:.2e}; net=b; solver=native", "8"),
    ],
)
def test_numbers_in_sentences(files, content, shown):
    assert importlib.import_module("measured").text_of(content) == shown


@pytest.mark.parametrize(
    "content",
    [
        "t.csv; {bound:.1f}; net=c",
        "t.csv; {bound:.1f}; net=a|c",
        "t.csv; {bounds:.1f}; net=a",
        "t.csv; {bound:.1f}; nets=a",
        "t.csv; {bound:.1f}; net=b; solver=native; seed=1",
    ],
)
def test_a_number_without_its_measurement_fails(files, content):
    with pytest.raises((ValueError, KeyError)):
        importlib.import_module("measured").text_of(content)


_DIRECTIVE = re.compile(
    r"^\.\. measured:: (\S+)\n((?:   :\w+:.*\n(?:      .*\n)*)+)", re.MULTILINE
)
_OPTION = re.compile(r"^   :(\w+): ?((?:.*\n)(?:      .*\n)*)", re.MULTILINE)


def test_every_number_of_the_pages_has_its_measurement(docs):
    measured = importlib.import_module("measured")
    n_tables = n_numbers = 0
    for page in docs.rglob("*.rst"):
        text = page.read_text(encoding="utf-8")
        for name, block in _DIRECTIVE.findall(text):
            options = {
                name: textwrap.dedent(value).strip("\n")
                for name, value in _OPTION.findall(block)
            }
            titles, *lines = _cells(measured.table_of(name, options))
            assert lines and all(len(line) == len(titles) for line in lines), page
            for column in zip(*lines, strict=True):
                assert set(column) != {"–"}, (page, name)
            n_tables += 1
        for content in re.findall(r":measured:`([^`]+)`", text):
            assert "–" not in measured.text_of(" ".join(content.split())), page
            n_numbers += 1
    assert n_tables > 20 and n_numbers > 20


# A cell that only holds a number with a fraction, a share or a time.
_NUMBER = re.compile(r"[-−+]?(\d*\.\d+(e[-+]?\d+)?|\d+)( ?(%|s|ms|x|×))?")
# What a sentence states as measured, and what is no measurement: settings, proofs.
_AMOUNT = re.compile(
    r"\d*\.?\d+ (?:CPU )?(?:seconds|s|ms|µs|GiB|MiB|GB|%|times)(?![\w=])"
    r"|factor of \d*\.?\d+"
)
_MEASURED_BLOCK = re.compile(r"<!-- measured .*?<!-- /measured -->", re.DOTALL)
_NO_MEASUREMENT = """predicts a factor of 81 between the two
30 % of the rows are held out
30 % held out
tests hold each of the registry within 8 %
within 200 seconds
512 steps an octave: at most 0.14 % below
40 % of its way to zero
has not come 30 % of its way
narrowed to 2 % for every sample
verifies in 10 s a sample""".splitlines()


def test_no_measurement_is_typed_into_a_page(repository, docs):
    for page in [*docs.rglob("*.rst"), repository / "README.md"]:
        if {"api", "gallery", "_generated"} & set(page.relative_to(repository).parts):
            continue
        text = _MEASURED_BLOCK.sub("", page.read_text(encoding="utf-8"))
        cells = re.findall(r"^ +(?:\* )?- (.+)$", text, re.MULTILINE)
        for block in re.findall(r"^=+(?: +=+)+\n.*?\n\n", text, re.M | re.S):
            cells += [c for line in block.splitlines() for c in re.split(" {2,}", line)]
        for row in re.findall(r"^\|(.*)\|$", text, re.MULTILINE):
            cells += row.split("|")
        typed = [c for c in cells if _NUMBER.fullmatch(c.strip()) and not c.isdigit()]
        assert not typed, f"{page}: use the directive 'measured' for {typed}"
        sentences = " ".join(_DIRECTIVE.sub("", text).split())
        for allowed in _NO_MEASUREMENT:
            sentences = sentences.replace(allowed, "")
        sentences = re.sub(r":measured:`[^`]+`|``[^`]+``", "", sentences)
        typed = _AMOUNT.findall(sentences)
        assert not typed, f"{page}: use the role 'measured' for {typed}"


def test_references_lead_to_names_that_exist(docs):
    references = importlib.import_module("references")
    for short, full in references._places().items():
        package, _, name = full.rpartition(".")
        assert getattr(importlib.import_module(package), name).__doc__
        assert short in (name, f"sklip.{name}", full)


@pytest.mark.parametrize(
    "name, end",
    [
        ("sklearn.pipeline.Pipeline", "/generated/sklearn.pipeline.Pipeline.html"),
        (
            "sklearn.pipeline.Pipeline.fit",
            "/generated/sklearn.pipeline.Pipeline.html#sklearn.pipeline.Pipeline.fit",
        ),
        ("numpy.ndarray.sum", "/generated/numpy.ndarray.sum.html"),
        ("torch.nn.Linear", "/generated/torch.nn.Linear.html"),
        ("skorch.callbacks.EpochScoring", "callbacks.html#skorch.callbacks."),
        ("skorch.NeuralNet.fit", "/net.html#skorch.net.NeuralNet.fit"),
        ("sklearn.pipeline.Pipelin", None),
        ("sklearn.pipeline.Pipeline.fitt", None),
        ("sklearn", None),
        ("yaml.nowhere", None),
        ("nowhere.at_all", None),
    ],
)
def test_names_of_other_packages_lead_to_their_pages(docs, name, end):
    found = importlib.import_module("references").place_elsewhere(name)
    assert found is None if end is None else end in found


def test_the_ladder_of_bounds_is_the_table_of_methods(docs):
    names, norms, says = zip(
        *importlib.import_module("bound_methods").rows(), strict=True
    )
    assert names == tuple(f'"{name}"' for name in BOUND_METHODS)
    assert set(norms) == {"1 2 ∞", "2"} and all(says)


_ROLE = re.compile(r":(?:class|func|meth|mod|attr|exc|obj):`~?([a-z]\w*)\.([\w.]+)`")


def test_every_name_of_another_package_has_a_page_there(repository, docs):
    place_elsewhere = importlib.import_module("references").place_elsewhere
    sites = importlib.import_module("inventories").SITES
    named = {
        f"{package}.{rest}"
        for _, text in _texts(repository)
        for package, rest in _ROLE.findall(text)
        if package in sites
    }
    assert len(named) > 5
    assert [name for name in named if place_elsewhere(name) is None] == []


def test_an_inventory_keeps_names_and_pages_of_python_objects(docs):
    inventories = importlib.import_module("inventories")
    lines = [
        "package.name py:class 1 api/$.html#$ -",
        "a label std:label -1 guide.html#x A title",
        "package.f py:function 1 other.html#$ a title of its own",
    ]
    head = b"# Sphinx inventory version 2\n# Project: P\n# Version: 1\n# zlib\n"
    packed = head + zlib.compress("\n".join(lines).encode())
    kept, n_names = inventories._python_only(packed)
    assert n_names == 2 and kept.startswith(head)
    assert zlib.decompress(kept.removeprefix(head)).decode().splitlines() == [
        "package.f py:function 1 other.html#$ -",
        "package.name py:class 1 api/$.html#$ -",
    ]
    with pytest.raises(ValueError, match="version 2"):
        inventories._python_only(b"<html>")


def test_inventories_name_thousands_of_pages(docs):
    inventories = importlib.import_module("inventories")
    stored = {path.stem for path in inventories.FOLDER.glob("*.inv")}
    assert stored == set(inventories.SITES) - {"torch"}
    for package in stored - {"joblib", "skorch"}:
        path = inventories.FOLDER / f"{package}.inv"
        assert len(inventories._pages(path)) > 1000
