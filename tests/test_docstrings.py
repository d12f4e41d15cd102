# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Every public name is documented after numpydoc, and its examples run."""

import doctest
import importlib
import importlib.util
import inspect
import tomllib
from pathlib import Path

import pytest
from numpydoc.docscrape import NumpyDocString
from numpydoc.validate import validate

import sklip

PACKAGE = Path(importlib.util.find_spec("sklip").origin).parent
PUBLIC = sorted(name for name in sklip.__all__ if not name.startswith("__"))
# What a method may leave to its class.
METHODS_MAY_LACK = {"EX01"}


def own_members(cls):
    """Names of public methods and properties that sklip itself defines."""
    for name, member in inspect.getmembers(cls):
        function = member.fget if isinstance(member, property) else member
        module = getattr(inspect.unwrap(function), "__module__", None) or ""
        if not name.startswith("_") and callable(function):
            if module.split(".")[0] == "sklip":
                yield name


def documented_names():
    """Dotted names of the public objects and, for classes, of their members."""
    for name in PUBLIC:
        yield f"sklip.{name}"
        if inspect.isclass(getattr(sklip, name)):
            for member in own_members(getattr(sklip, name)):
                yield f"sklip.{name}.{member}"


@pytest.fixture(scope="module")
def ignored(repository):
    """Checks that pyproject.toml switches off, for the hook and for this test."""
    with open(repository / "pyproject.toml", "rb") as file:
        checks = tomllib.load(file)["tool"]["numpydoc_validation"]["checks"]
    assert checks[0] == "all"
    return set(checks[1:])


@pytest.mark.parametrize("name", list(documented_names()))
def test_numpydoc(name, ignored):
    if name.count(".") > 1:
        ignored = ignored | METHODS_MAY_LACK
    errors = [e for e in validate(name)["errors"] if e[0] not in ignored]
    assert errors == []


def module_names():
    """Dotted names of all modules of sklip, found without importing them."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        if parts[-1] != "__main__":
            yield ".".join(parts).removesuffix(".__init__")


@pytest.mark.parametrize("name", list(module_names()))
def test_examples_run(name):
    outcome = doctest.testmod(
        importlib.import_module(name),
        optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE,
    )
    assert outcome.failed == 0


FAMILIES = [
    getattr(sklip, family + kind)
    for family in ("LipschitzRegularizedMLP", "ADMMLipschitzMLP", "NoiseLipschitz")
    for kind in ("Classifier", "Regressor")
]


def _described(estimator):
    """Parameter -> its type line and text, spaces apart."""
    documented = NumpyDocString(inspect.getdoc(estimator))["Parameters"]
    return {
        name: (entry.type, " ".join(" ".join(entry.desc).split()))
        for entry in documented
        for name in entry.name.split(", ")
    }


# These mean the same in every family; others are documented family by family.
SHARED = (
    "momentum nesterovs_momentum beta_1 beta_2 epsilon learning_rate power_t max_fun "
    "shuffle class_weight"
).split()


@pytest.mark.parametrize("name", SHARED)
def test_shared_parameters_are_described_alike(name):
    found = {_described(make).get(name) for make in FAMILIES} - {None}
    assert len(found) == 1, found
