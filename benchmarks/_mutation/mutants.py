# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Mutants: one operator, number, comparison, condition or call of a file changed."""

import ast
import random
from pathlib import Path
from types import CodeType

__all__ = ["PACKAGES", "ROOT", "drawn"]

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("bounds", "certification", "networks")

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
    if change == "positive" and isinstance(node.func, ast.Name):
        return ast.UnaryOp(ast.UAdd(), node.args[0])  # no built-in has that name
    if isinstance(node.func, ast.Attribute) and ast.unparse(node.func) == "math.sqrt":
        function = ast.Name(change, ast.Load())
    elif isinstance(node.func, ast.Attribute):
        function = ast.Attribute(node.func.value, change, ast.Load())
    else:
        function = ast.Name(change, ast.Load())
    return ast.Call(function, node.args, node.keywords)


class Mutant:
    """One change of one file."""

    def __init__(self, path, source, node, kind, change):
        self.path, self.line, self.column = path, node.lineno, node.col_offset
        self.last_line = node.end_lineno
        encoded = source.encode()
        starts = [0]
        for line in encoded.splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        start = starts[node.lineno - 1] + node.col_offset
        end = starts[node.end_lineno - 1] + node.end_col_offset
        old = encoded[start:end].decode()
        new = ast.unparse(ast.fix_missing_locations(changed(node, kind, change)))
        if kind != "no error" and not isinstance(node, ast.AugAssign):
            new = f"({new})"
        self.original = source
        self.source = (encoded[:start] + new.encode() + encoded[end:]).decode()
        self.change = " ".join(f"{old} -> {new}".split())
        compile(self.source, str(path), "exec")

    @property
    def key(self):
        """What tells it from the others, as the table writes it."""
        return (self.path, str(self.line), str(self.column), self.change)

    def code(self, source):
        return compile(source, str(ROOT / self.path), "exec", dont_inherit=True)

    def changed_codes(self):
        """Code objects that contain the change, (old, new), the outermost first.

        Empty where the change is executed when the file is imported.
        """
        found, pair = [], (self.code(self.original), self.code(self.source))
        while pair is not None and _same_but_inner(*pair):
            pair = _differing(*pair)
            if pair is not None:
                found.append(pair)
        if pair is None or not pair[0].co_flags & OPTIMIZED:
            return []
        return [(old, new) for old, new in found if old.co_flags & OPTIMIZED]


# Set for the code of functions, not of modules and classes (inspect.CO_OPTIMIZED).
OPTIMIZED = 1


def _inner(code):
    return [c for c in code.co_consts if isinstance(c, CodeType)]


def _same_but_inner(old, new):
    """Whether two code objects differ at most in the functions inside."""
    constants = [
        [repr(c) for c in code.co_consts if not isinstance(c, CodeType)]
        for code in (old, new)
    ]
    names = (old.co_names, old.co_varnames, old.co_freevars, old.co_cellvars)
    same = names == (new.co_names, new.co_varnames, new.co_freevars, new.co_cellvars)
    return same and old.co_code == new.co_code and constants[0] == constants[1]


def _differing(old, new):
    """The pair of inner code objects that are not equal."""
    for pair in zip(_inner(old), _inner(new), strict=True):
        if not _same_but_inner(*pair) or _differing(*pair) is not None:
            return pair
    return None


def drawn(number, seed):
    """The mutants of a campaign; those of a smaller one are its first."""
    sites = []
    for package in PACKAGES:
        for file in sorted((ROOT / "sklip" / package).rglob("*.py")):
            path = file.relative_to(ROOT).as_posix()
            source = file.read_text(encoding="utf-8")
            found = Sites(ast.parse(source)).found
            sites += [(path, source, *site) for site in found]
    random.Random(seed).shuffle(sites)
    return [Mutant(*site) for site in sites[:number]]
