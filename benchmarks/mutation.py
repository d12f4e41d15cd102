# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Mutation testing: do the tests fail where the code is changed?

    python benchmarks/mutation.py --mutants 400 --seconds 300
    python benchmarks/mutation.py --summary

Draws places in sklip/bounds, sklip/certification and sklip/networks by a fixed seed,
changes one operator, number, comparison, condition or call at a time, in a copy of the
tree, and runs the nearest tests until one fails: those that mirror the file or name
what it defines, the cheapest first, then those of its folder's neighbours (NEAREST). A
mutant that no test kills either shows a hole in the tests, or is equivalent, or changes
speed or sharpness only; benchmarks/mutation_reasons.csv says which, and why.

Each call goes on where the CSV ends; ``--seconds`` limits it, so that a campaign can be
run in parts. The first call times every test file once on the unchanged copy: a file
that fails there is left out. Limits are CPU seconds: a loaded machine gives the same
answers. ``--only TEXT`` draws from the files whose path contains it, ``--sites`` lists
what would be drawn. Needs the test extra and a system with fork.
"""

import ast
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from _harness import Table, parse

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("bounds", "certification", "networks")
# Folders whose code is reached through others' doors: what is run after the mirror.
NEAREST = {
    "bounds/_propagation": [
        "bounds/propagation",
        "bounds/test_local.py",
        "certification/test_tiny_and_huge_weights.py",
        "certification/test_intervals.py",
        "certification/test_radius.py",
    ],
    "bounds/_lipsdp": ["bounds/lipsdp", "bounds/test_proof.py"],
    "bounds/_modules": [
        "bounds/modules",
        "estimators/test_module_networks.py",
    ],
    "bounds/_architecture": ["bounds/architecture"],
    "bounds/": [
        "bounds/test_norms.py",
        "bounds/test_proof.py",
        "bounds/test_dispatch.py",
        "bounds/test_soundness.py",
        "bounds/test_certificate.py",
    ],
    "certification/_attacks": ["certification/attacks"],
    "certification/_branching": ["certification/branching"],
    "certification/_specification": ["certification/specification"],
    "certification/": [
        "certification/test_rounding.py",
        "certification/test_radius.py",
        "certification/test_intervals.py",
        "certification/test_accuracy.py",
        "certification/test_feature_eps.py",
    ],
    "networks/_folding": ["networks/folding"],
    "networks/_reading": ["networks/reading"],
    "networks/_onnx": ["networks/onnx"],
    "networks/": ["networks/test_feedforward.py", "networks/test_view.py"],
}
# Test files of one mutant, and CPU seconds that they may take on the unchanged copy.
MOST_FILES, MOST_SECONDS = 12, 90.0
# A mutant may take so much longer before it counts as killed by the clock.
SLOWER, AT_LEAST = 4.0, 60.0

BINARY = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
COMPARE = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
CALLS = {
    "min": "max",
    "minimum": "maximum",
    "amin": "amax",
    "argmin": "argmax",
    "clamp_min": "clamp_max",
    "floor": "ceil",
    "any": "all",
    "fmin": "fmax",
    "sqrt": "abs",
    "abs": "positive",
}
CALLS |= {new: old for old, new in CALLS.items() if new not in ("abs", "positive")}


class Sites(ast.NodeVisitor):
    """Places where a file may be changed, and into what."""

    def __init__(self, tree):
        self.found = []
        for statement in tree.body:
            self.visit(statement)

    def add(self, node, kind, changes):
        self.found += [(node, kind, change) for change in changes]

    def visit_Assign(self, node):
        names = {target.id for target in node.targets if isinstance(target, ast.Name)}
        if "__all__" not in names:
            self.generic_visit(node)

    def visit_AnnAssign(self, node):
        if node.value is not None:
            self.visit(node.value)

    def visit_FunctionDef(self, node):
        # Neither decorators nor annotations.
        for default in [*node.args.defaults, *node.args.kw_defaults]:
            if default is not None:
                self.visit(default)
        for statement in node.body:
            self.visit(statement)

    def visit_Raise(self, node):
        self.add(node, "no error", ["pass"])  # its message is not looked at

    def visit_If(self, node):
        self.add(node.test, "condition", ["not"])
        self.generic_visit(node)

    def visit_IfExp(self, node):
        self.add(node.test, "condition", ["not"])
        self.generic_visit(node)

    def visit_BinOp(self, node):
        text = isinstance(node.left, ast.JoinedStr | ast.Constant) and not isinstance(
            getattr(node.left, "value", 0), int | float
        )
        if type(node.op) in BINARY and not text:
            self.add(node, "operator", [BINARY[type(node.op)]])
        self.generic_visit(node)

    def visit_AugAssign(self, node):
        if type(node.op) in BINARY:
            self.add(node, "operator", [BINARY[type(node.op)]])
        self.generic_visit(node)

    def visit_UnaryOp(self, node):
        if isinstance(node.op, ast.USub | ast.Not | ast.Invert):
            self.add(node, "sign", ["drop"])
        self.generic_visit(node)

    def visit_Compare(self, node):
        if len(node.ops) == 1:
            self.add(node, "comparison", COMPARE[type(node.ops[0])])
        self.generic_visit(node)

    def visit_BoolOp(self, node):
        self.add(node, "and/or", ["swap"])
        self.generic_visit(node)

    def visit_Call(self, node):
        name = getattr(node.func, "attr", getattr(node.func, "id", None))
        if name in CALLS:
            self.add(node, "call", [CALLS[name]])
        self.generic_visit(node)

    def visit_Constant(self, node):
        value = node.value
        if isinstance(value, bool):
            self.add(node, "constant", [not value])
        elif isinstance(value, int):
            self.add(node, "constant", [value + 1])
        elif isinstance(value, float):
            self.add(node, "constant", [0.0 if value else 1.0, 2.0 * value + 0.5])

    def visit_JoinedStr(self, node):
        pass


def changed(node, kind, change):
    """The node in its place."""
    if kind == "no error":
        return ast.Pass()
    if kind == "condition":
        return ast.UnaryOp(ast.Not(), node)
    if kind == "sign":
        return node.operand
    if kind == "constant":
        return ast.Constant(change)
    if kind == "operator":
        if isinstance(node, ast.AugAssign):
            return ast.AugAssign(node.target, change(), node.value)
        return ast.BinOp(node.left, change(), node.right)
    if kind == "comparison":
        return ast.Compare(node.left, [change()], node.comparators)
    if kind == "and/or":
        swapped = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        return ast.BoolOp(swapped, node.values)
    if isinstance(node.func, ast.Attribute):
        function = ast.Attribute(node.func.value, change, ast.Load())
    else:
        function = ast.Name(change, ast.Load())
    return ast.Call(function, node.args, node.keywords)


class Mutant:
    """One change of one file."""

    def __init__(self, path, source, node, kind, change):
        self.path, self.line = path, node.lineno
        lines = source.encode().splitlines(keepends=True)
        starts = [0]
        for line in lines:
            starts.append(starts[-1] + len(line))
        start = starts[node.lineno - 1] + node.col_offset
        end = starts[node.end_lineno - 1] + node.end_col_offset
        old = source.encode()[start:end].decode()
        new = ast.unparse(ast.fix_missing_locations(changed(node, kind, change)))
        if kind != "no error" and not isinstance(node, ast.AugAssign):
            new = f"({new})"
        encoded = source.encode()
        self.source = (encoded[:start] + new.encode() + encoded[end:]).decode()
        self.change = " ".join(f"{old} -> {new}".split())
        self.name = f"{path}:{node.lineno}:{node.col_offset} {kind} {self.change}"
        compile(self.source, str(path), "exec")


def all_mutants(only=""):
    """Every mutant of the packages, in the order of the files."""
    for package in PACKAGES:
        for file in sorted((ROOT / "sklip" / package).rglob("*.py")):
            path = file.relative_to(ROOT).as_posix()
            if only not in path:
                continue
            source = file.read_text(encoding="utf-8")
            for node, kind, change in Sites(ast.parse(source)).found:
                yield Mutant(path, source, node, kind, change)


def drawn(options):
    """The campaign's mutants; the first ones of a larger campaign are the same."""
    mutants = list(all_mutants(options.only))
    random.Random(options.seed).shuffle(mutants)
    return mutants[: options.mutants]


def test_files():
    """All test files of the repository, relative to tests/."""
    tests = ROOT / "tests"
    return sorted(p.relative_to(tests).as_posix() for p in tests.rglob("test_*.py"))


def public_names(path):
    """What a file defines for others."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets) == "__all__":
            return ast.literal_eval(node.value)
    return []


def nearest(path, cost):
    """Test files of a mutant: its mirror, those that name it, its neighbours."""
    place = Path(path).relative_to("sklip")
    parts = [part.lstrip("_") for part in place.with_suffix("").parts]
    mirror = "/".join([*parts[:-1], f"test_{parts[-1]}.py"])
    names = [name for name in public_names(path) if len(name) > 4]
    texts = {file: (ROOT / "tests" / file).read_text(encoding="utf-8") for file in cost}
    naming = [f for f in cost if any(name in texts[f] for name in names)]
    naming = [f for f in naming if f.split("/")[0] == parts[0]]
    chosen = [f for f in (mirror,) if f in cost]
    chosen += sorted(set(naming) - set(chosen), key=cost.get)
    for prefix, files in NEAREST.items():
        if place.as_posix().startswith(prefix):
            found = [f for f in cost if any(f.startswith(start) for start in files)]
            chosen += sorted(set(found) - set(chosen), key=cost.get)
    kept, total = [], 0.0
    for file in chosen:
        if len(kept) < MOST_FILES and (total + cost[file] <= MOST_SECONDS or not kept):
            kept.append(file)
            total += cost[file]
    return kept, total


class Copy:
    """A copy of the tree in which files are changed and tests run."""

    def __init__(self, folder):
        self.folder = Path(folder)
        for name in ("sklip", "tests", "benchmarks", "docs", "examples"):
            ignored = shutil.ignore_patterns("__pycache__", "_build")
            shutil.copytree(ROOT / name, self.folder / name, ignore=ignored)
        for file in ROOT.iterdir():
            if file.is_file():
                shutil.copy(file, self.folder / file.name)

    def run(self, files, seconds):
        """("passed" | "failed" | "timeout", CPU seconds) of some test files."""
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            self._become(files, seconds)
        end = time.monotonic() + 20.0 * seconds
        while True:
            done, status, used = os.wait4(child, os.WNOHANG)
            if done:
                break
            if time.monotonic() > end:
                os.killpg(child, signal.SIGKILL)
                _, status, used = os.wait4(child, 0)
                break
            time.sleep(0.05)
        spent = used.ru_utime + used.ru_stime
        if os.WIFEXITED(status):
            return ("failed" if os.WEXITSTATUS(status) else "passed"), spent
        return "timeout", spent

    def _become(self, files, seconds):
        os.setsid()
        limit = int(seconds) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        os.chdir(self.folder)
        sys.dont_write_bytecode = True
        sys.path[:] = [str(self.folder), *(p for p in sys.path if p != str(ROOT))]
        os.environ["PYTHONPATH"] = str(self.folder)
        code = 3
        try:
            import pytest

            options = ["-x", "-q", "-n", "0", "-p", "no:cacheprovider", "--no-header"]
            code = int(pytest.main([*options, *(f"tests/{file}" for file in files)]))
        finally:
            os._exit(code)


def preload():
    """What every test imports, once, before the forks; never sklip itself."""
    sys.path[:] = [p for p in sys.path if Path(p or ".").resolve() != ROOT]
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    import mpmath  # noqa: F401
    import pandas  # noqa: F401
    import scipy.linalg  # noqa: F401
    import sklearn.ensemble  # noqa: F401
    import sklearn.neural_network  # noqa: F401
    import skorch  # noqa: F401
    import torch

    torch.set_num_threads(1)


def timed_files(copy, output, end):
    """CPU seconds of every test file that passes on the unchanged copy."""
    table = Table(output.replace(".csv", "_tests.csv"), ["file", "status", "seconds"])
    wanted = [f for f in test_files() if f.split("/")[0] in (*PACKAGES, "estimators")]
    for file in wanted:
        if time.monotonic() < end and not table.find(file):
            status, spent = copy.run([file], 600.0)
            table.add([file, status, f"{spent:.1f}"])
    if len(table.rows) < len(wanted):
        return None
    passed = [row for row in table.rows if row["status"] == "passed"]
    return {row["file"]: float(row["seconds"]) for row in passed}


def campaign(options):
    """Run mutants until the time is over."""
    end = time.monotonic() + options.seconds
    columns = ["mutant", "file", "line", "killed", "seconds", "command"]
    table = Table(options.output, columns)
    preload()
    with tempfile.TemporaryDirectory() as folder:
        copy = Copy(folder)
        cost = timed_files(copy, options.output, end)
        for mutant in drawn(options) if cost else []:
            if time.monotonic() > end:
                break
            if table.find(mutant.name):
                continue
            files, expected = nearest(mutant.path, cost)
            place = copy.folder / mutant.path
            original = place.read_text(encoding="utf-8")
            place.write_text(mutant.source, encoding="utf-8")
            limit = max(AT_LEAST, SLOWER * expected)
            status, spent = copy.run(files, limit)
            place.write_text(original, encoding="utf-8")
            killed = {"failed": "yes", "timeout": "timeout", "passed": "no"}[status]
            command = "pytest -x -n 0 " + " ".join(f"tests/{file}" for file in files)
            row = [mutant.name, mutant.path, mutant.line, killed, f"{spent:.1f}"]
            table.add([*row, command])


def summary(options):
    """Shares killed, and the survivors with their reasons."""
    rows = Table(options.output, ["mutant"], echo=False).rows
    reasons = options.output.replace(".csv", "_reasons.csv")
    reasons = Table(reasons, ["mutant"], echo=False).rows
    known = {row["mutant"]: row["reason"] for row in reasons}
    for package in (*PACKAGES, ""):
        some = [row for row in rows if row["file"].startswith(f"sklip/{package}")]
        killed = [row for row in some if row["killed"] != "no"]
        share = 100.0 * len(killed) / max(len(some), 1)
        print(f"{package or 'all':14} {len(killed):4} of {len(some):4} = {share:.1f} %")
    for row in rows:
        if row["killed"] == "no":
            print(f"{row['mutant']}\n    {known.get(row['mutant'], '?')}")


def main():
    flag = {"action": "store_true"}
    options = parse(
        __doc__,
        str(ROOT / "benchmarks" / "mutation.csv"),
        mutants=400,
        seed=0,
        seconds=300.0,
        only="",
        sites=flag,
        summary=flag,
    )
    if options.sites:
        for mutant in drawn(options):
            print(mutant.name)
    elif options.summary:
        summary(options)
    else:
        campaign(options)


if __name__ == "__main__":
    main()
