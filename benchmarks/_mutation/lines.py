# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Which tests run which line, recorded once for every test file and kept."""

import ast
import gzip
import hashlib
import json
import re
from collections import defaultdict
from pathlib import Path

from _mutation.mutants import ROOT

__all__ = ["Lines", "test_files"]

FOLDERS = ("bounds", "certification", "networks")
ALONE = ("test_bad_input.py", "test_floats.py")


def test_files():
    """The test files that are run, relative to the root."""
    tests = ROOT / "tests"
    files = [
        f for folder in FOLDERS for f in sorted((tests / folder).rglob("test_*.py"))
    ]
    files += [tests / name for name in ALONE]
    return [file.relative_to(ROOT).as_posix() for file in files]


def _sources():
    """Hash of what every test's result depends on besides its own file."""
    files = sorted((ROOT / "sklip").rglob("*.py"))
    files += sorted((ROOT / "tests").rglob("conftest.py"))
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest


class Lines:
    """Tests by line, their CPU seconds, and those that fail on the unchanged code."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.sources = _sources()
        self.cost, self.failing = {}, set()
        self.tests = defaultdict(lambda: defaultdict(set))

    def _place(self, file):
        digest = self.sources.copy()
        digest.update((ROOT / file).read_bytes())
        name = file.replace("/", "-").removesuffix(".py")
        return self.folder / f"{name}-{digest.hexdigest()[:16]}.json.gz"

    def record(self, collected, files):
        """Run the tests of each file that was not recorded as it is now."""
        for file in files:
            place = self._place(file)
            if not place.exists():
                tests = [t for t in collected.tests if t.split("::")[0] == file]
                messages, seconds, signal = collected.record(tests)
                print(f"{file}: {len(tests)} tests, {seconds:.1f} s", flush=True)
                if signal or (messages and messages[-1][0] == "error"):
                    raise RuntimeError(f"{file} broke off: {signal} {messages[-1:]}")
                with gzip.open(place, "wt", encoding="utf-8") as stored:
                    json.dump(messages, stored)
            with gzip.open(place, "rt", encoding="utf-8") as stored:
                self._take(json.load(stored))

    def _take(self, messages):
        for kind, *rest in messages:
            if kind == "end":
                test, failed, seconds = rest
                self.cost[test] = seconds
                if failed:
                    self.failing.add(test)
            elif kind == "line":
                path, line, tests = rest
                self.tests[path][line].update(tests)

    def of(self, mutant):
        """Tests that run a mutant's line, in the order in which they are tried.

        First all tests of the file's mirror, since a fixture may have run the line for
        them; of others one of every test function before the rest of its parameters,
        the cheapest files first.
        """
        found = set()
        for path, lines in self._places(mutant):
            for line in lines:
                found |= self.tests[path].get(line, set())
        mirror = _mirror(mutant.path)
        found |= {test for test in self.cost if test.split("::")[0] == mirror}
        return self._ordered(found - self.failing, mirror)

    def _places(self, mutant):
        """Files with the lines that show a mutant; those that read it, on import."""
        lines = range(mutant.line, mutant.last_line + 1)
        if mutant.changed_codes():
            return [(mutant.path, [*_statement(mutant), *lines])]
        body = ast.parse(mutant.original).body
        [node] = [n for n in body if _first(n) <= mutant.line <= n.end_lineno]
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            return [(mutant.path, range(node.lineno, node.end_lineno + 1))]
        names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        names = [n for n in names if isinstance(node, ast.Assign | ast.AnnAssign)]
        named = _lines_naming([n for n in names if _assigned(node, n)])
        if any(self.tests[path].get(line) for path, at in named for line in at):
            return named
        return [(mutant.path, list(self.tests[mutant.path]))]

    def _ordered(self, tests, mirror):
        groups = defaultdict(list)
        for test in sorted(tests, key=lambda t: (self.cost[t], t)):
            groups[test.split("[")[0]].append(test)
        rank = {t: i for group in groups.values() for i, t in enumerate(group)}
        total = defaultdict(float)
        for test in tests:
            total[rank[test], test.split("::")[0]] += self.cost[test]

        def key(test):
            file = test.split("::")[0]
            in_file = total[rank[test], file]
            if file == mirror:
                return 0, self.cost[test], test
            return 1, rank[test], in_file, file, self.cost[test], test

        return sorted(tests, key=key)


def _first(node):
    """First line of a statement, its decorators included."""
    return min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])


def _assigned(node, name):
    targets = getattr(node, "targets", [getattr(node, "target", None)])
    return any(isinstance(t, ast.Name) and t.id == name for t in targets)


def _lines_naming(names):
    """Lines of sklip that name one of the constants."""
    found = []
    pattern = re.compile(rf"\b({'|'.join(names)})\b") if names else None
    for file in (ROOT / "sklip").rglob("*.py") if names else ():
        lines = file.read_text(encoding="utf-8").splitlines()
        at = [i for i, line in enumerate(lines, 1) if pattern.search(line)]
        if at:
            found.append((file.relative_to(ROOT).as_posix(), at))
    return found


def _statement(mutant):
    """First line of the smallest statement around a mutant."""
    lines = [
        node.lineno
        for node in ast.walk(ast.parse(mutant.original))
        if isinstance(node, ast.stmt)
        and node.lineno <= mutant.line <= node.end_lineno
        and not isinstance(node, ast.FunctionDef | ast.ClassDef)
    ]
    return [max(lines)] if lines else []


def _mirror(path):
    parts = [p.lstrip("_") for p in Path(path).relative_to("sklip").parts]
    return "/".join(["tests", *parts[:-1], f"test_{parts[-1]}"])
