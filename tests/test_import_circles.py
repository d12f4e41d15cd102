# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""No circle of imports among the files of sklip, imports inside functions included."""

import ast
import importlib.util
from pathlib import Path

import pytest

PACKAGE = Path(importlib.util.find_spec("sklip").origin).parent
# A door's names stand in its stub, __init__.pyi.
FILES = sorted([*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.pyi")])


def module_name(path):
    """Dotted name of a file: a package's stub speaks for the package."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def imported_names(tree):
    """Pairs (module, name imported from it), wherever in the file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                package, _, name = alias.name.rpartition(".")
                yield package, name
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module, alias.name) for alias in node.names)


def import_graph(texts):
    """Module -> the modules that it makes Python import, in functions or not.

    What a lazy door hands on is an import of the module where the name comes from. An
    import from within a package runs that package's ``__init__`` too, unless the
    importer stands inside it itself.
    """
    trees = {path: ast.parse(text) for path, text in texts.items()}
    modules = {module_name(path): path for path in texts}
    handed_on = {
        (module_name(path), name): package
        for path, tree in trees.items()
        if path.suffix == ".pyi"
        for package, name in imported_names(tree)
        if package != module_name(path)  # a module of its own
    }
    graph = {}
    for path, tree in trees.items():
        if path.suffix == ".pyi":
            continue
        importer = module_name(path)
        targets = graph[importer] = set()
        for package, last in imported_names(tree):
            while (package, last) in handed_on:
                package = handed_on[package, last]
            target = f"{package}.{last}" if f"{package}.{last}" in modules else package
            while target in modules and not f"{importer}.".startswith(f"{target}."):
                targets.add(target)
                target = target.rpartition(".")[0]
    return graph


def circles(graph):
    """Sets of modules that import each other, directly or through others."""
    order = {}  # Kosaraju: search forwards, then backwards from what was left last
    for start in graph:
        _search(start, graph, order)
    backwards = {name: set() for name in graph}
    for name, targets in graph.items():
        for target in targets:
            backwards[target].add(name)
    seen, found = {}, []
    for start in reversed(order):
        before = set(seen)
        _search(start, backwards, seen)
        found.append(set(seen) - before)
    return [circle for circle in found if len(circle) > 1]


def _search(start, graph, done, entered=None):
    """Depth first; ``done`` gets the modules in the order in which they are left."""
    entered = set(done) if entered is None else entered
    if start in entered:
        return
    entered.add(start)
    for target in graph[start]:
        _search(target, graph, done, entered)
    done[start] = None


def test_no_circle_of_imports():
    texts = {path: path.read_text(encoding="utf-8") for path in FILES}
    assert circles(import_graph(texts)) == []


@pytest.mark.parametrize(
    "texts, expected",
    [
        (
            {"a.py": "import sklip.b", "b.py": "def f():\n    import sklip.a"},
            ["a", "b"],
        ),
        ({"a.py": "from sklip.b import x", "b.py": "from sklip.c import x"}, []),
        (
            {
                "a.py": "from sklip.b import x",
                "b/__init__.py": "",
                "b/__init__.pyi": "from sklip.b.y import x",
                "b/y.py": "from sklip.a import z",
            },
            ["a", "b.y"],
        ),
        (
            {
                "a.py": "from sklip.b.y import x",
                "b/__init__.py": "from sklip.b.z import x",
                "b/y.py": "",
                "b/z.py": "import sklip.a",
            },
            ["a", "b", "b.z"],
        ),
    ],
)
def test_a_circle_is_found(texts, expected):
    files = {PACKAGE / "c.py": "", **{PACKAGE / p: text for p, text in texts.items()}}
    wanted = [{f"sklip.{name}" for name in expected}] if expected else []
    assert circles(import_graph(files)) == wanted
