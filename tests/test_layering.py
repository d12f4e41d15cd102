# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Imports run one way, heavy packages stay where they belong; read off the AST."""

import ast
import importlib.util
from pathlib import Path

import pytest

PACKAGE = Path(importlib.util.find_spec("sklip").origin).parent
# A door's names stand in its stub, __init__.pyi.
FILES = sorted([*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.pyi")])

# Modules without imports from sklip, open to all.
LEAVES = {
    "_lru",
    "exceptions",
    "_arguments",
    "_blocks",
    "_compat",
    "_copies",
    "_documentation",
    "_files",
    "_html",
    "_floats",
    "_lazy",
    "_multilabel",
    "_progress",
    "_shared_docs",
    "_threads",
    "_tolerances",
    "_version",
}
# Part -> the other parts that it may import.
BELOW = {
    "networks": set(),
    "datasets": set(),
    "bounds": {"networks"},
    "certification": {"bounds", "networks"},
    "training": {"certification", "bounds", "networks"},
    "estimators": {"training", "certification", "bounds", "networks"},
}
ON_TOP = {"metrics", "preprocessing", "inspection", "model_selection"}
BELOW |= dict.fromkeys(ON_TOP, {"estimators"} | BELOW["estimators"] | {"datasets"})
# `__init__` re-exports, the command uses the public names: they may import any part.
DOORS = {"__init__", "__main__", "_cli"}

COMMAND = {"__main__", "_cli"}

LAZY = {"cvxpy", "matplotlib", "onnx", "onnxruntime", "pandas", "skops"}
TORCH_NN = {
    "bounds/_modules/doubles.py",
    "bounds/_modules/functions/layers.py",
    "bounds/_modules/functions/shapes.py",
    "bounds/_modules/functions/table.py",
    "bounds/_modules/graphs/module.py",
    "bounds/_modules/graphs/operators.py",
    "bounds/_modules/graphs/spatial.py",
    "bounds/_modules/plain.py",
    "bounds/_modules/reader.py",
    "bounds/_modules/residual.py",
    "bounds/_modules/tracing.py",
    "certification/_attacks/pgd.py",
}
HEADER = [
    "# Authors: The sklip developers",
    "# SPDX-License-Identifier: BSD-3-Clause",
]


def part_of(path):
    """First component below sklip: a package's name or a module's."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported_names(tree):
    """Pairs (dotted name, whether at module level); from-imports give module.name."""
    inner = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from ((name, id(node) not in inner) for name in names)


def violations(path, text):
    """Sentences about what a file of sklip imports and must not."""
    tree = ast.parse(text)
    part = part_of(path)
    place = path.relative_to(PACKAGE).as_posix()
    for name, at_module_level in imported_names(tree):
        root, *rest = name.split(".")
        if root == "sklip":
            yield from _inside(part, name, rest)
        if root in LAZY and at_module_level and part not in COMMAND:
            yield f"imports {root} outside a function"
        if root == "skorch" and part != "training":
            yield "imports skorch outside sklip.training"
        if root == "torch" and part == "networks":
            yield "imports torch in sklip.networks"
        if name.startswith("torch.nn") and not _may_use_torch_nn(part, place):
            yield f"imports {name}"
        if root == "sklearn" and part != "_compat" and _is_private(rest):
            yield f"imports the private {name}; only _compat.py does"
    if not _may_use_torch_nn(part, place):
        yield from ("uses torch.nn" for node in ast.walk(tree) if _is_torch_nn(node))


def _inside(part, name, rest):
    if part in DOORS:
        if _is_private(rest) and rest[0] not in LEAVES | DOORS:
            yield f"reaches behind a door: {name}"
        return
    target = rest[0]
    if target in LEAVES or target == part:
        return
    if target not in BELOW:
        yield f"imports {name} from the top door"
    elif target not in BELOW.get(part, set()):
        yield f"{part} imports {target}: imports run one way"
    elif _is_private(rest):
        yield f"reaches behind a door: {name}"


def _is_private(components):
    return any(c.startswith("_") and not c.startswith("__") for c in components)


def _may_use_torch_nn(part, place):
    return part == "training" or place in TORCH_NN


def _is_torch_nn(node):
    return (
        isinstance(node, ast.Attribute)
        and node.attr == "nn"
        and isinstance(node.value, ast.Name)
        and node.value.id == "torch"
    )


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports(path):
    assert list(violations(path, path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_part_is_known_and_licence_is_named(path):
    assert part_of(path) in {*BELOW, *LEAVES, *DOORS}
    assert path.read_text(encoding="utf-8").splitlines()[:2] == HEADER


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_file_has_one_idea(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize(
    "place, line, said",
    [
        ("networks/_x.py", "from sklip.bounds import lipschitz_bound", "one way"),
        ("networks/_x.py", "import torch", "torch in sklip.networks"),
        ("training/_x.py", "from sklip.estimators import A", "one way"),
        (
            "bounds/_x.py",
            "from sklip.networks._folding.fold import fold",
            "behind a door",
        ),
        ("bounds/_x.py", "from sklip import FeedForward", "top door"),
        ("bounds/_x.py", "import cvxpy", "outside a function"),
        ("bounds/_x.py", "from torch import nn", "torch.nn"),
        ("bounds/_x.py", "import torch\nx = torch.nn.Linear", "torch.nn"),
        ("estimators/_x.py", "import skorch", "skorch"),
        ("estimators/_x.py", "from sklearn.base import _fit_context", "private"),
        ("inspection/_x.py", "import matplotlib.pyplot", "outside a function"),
        ("metrics/_x.py", "from sklip.model_selection import A", "one way"),
        ("metrics/_x.py", "from sklip._cli import main", "top door"),
        ("_cli/_x.py", "from sklip.bounds._norms import layer_norms", "behind a door"),
    ],
)
def test_a_wrong_import_is_found(place, line, said):
    assert any(said in sentence for sentence in violations(PACKAGE / place, line))


@pytest.mark.parametrize(
    "place, line",
    [
        ("bounds/_x.py", "from sklip.bounds._norms import layer_norms"),
        ("bounds/_x.py", "def f():\n    import cvxpy"),
        ("bounds/_modules/reader.py", "from torch import nn"),
        ("certification/_x.py", "from sklip.bounds import lipschitz_bound"),
        ("training/_x.py", "import skorch\nfrom torch.nn import Linear"),
        ("metrics/_x.py", "from sklip.certification import certified_radius"),
        ("_compat.py", "from sklearn.base import _fit_context"),
        ("_cli/_x.py", "import pandas\nfrom sklip._cli._errors import JobError"),
        ("_cli/_x.py", "from sklip import certified_radius"),
    ],
)
def test_a_right_import_passes(place, line):
    assert list(violations(PACKAGE / place, line)) == []
