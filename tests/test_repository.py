# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""README, API pages and package data say what the code says."""

import ast
import doctest
import importlib
import importlib.resources
import re
import runpy
import tomllib
from pathlib import Path

import pytest

import sklip


@pytest.fixture
def project(repository):
    with open(repository / "pyproject.toml", "rb") as file:
        return tomllib.load(file)["project"]


def test_all_is_complete_and_sorted_without_duplicates():
    assert len(set(sklip.__all__)) == len(sklip.__all__)
    assert all(hasattr(sklip, name) for name in sklip.__all__)


def test_api_pages_list_every_public_name_once(repository):
    pages = runpy.run_path(str(repository / "docs" / "api_reference.py"))
    listed = [
        (package, name)
        for package, section in pages["API_REFERENCE"].items()
        for name in section["names"]
    ]
    public = {name for name in sklip.__all__ if not name.startswith("__")}
    assert sorted(name for _, name in listed) == sorted(public)
    for package, name in listed:
        there = getattr(importlib.import_module(package), name)
        assert there is getattr(sklip, name)


def test_readme_examples_run(repository):
    outcome = doctest.testfile(
        str(repository / "README.md"), module_relative=False, encoding="utf-8"
    )
    assert outcome.failed == 0
    assert outcome.attempted > 5


def test_readme_names_every_public_object(repository):
    readme = (repository / "README.md").read_text(encoding="utf-8")
    public = {name for name in sklip.__all__ if not name.startswith("__")}
    # The abstract bases are found through their subclasses.
    assert {
        name
        for name in public - {"ADMMLipschitzMLP", "LipschitzRegularizedMLP"}
        if name not in readme
    } == set()


def test_constraints_pin_every_dependency(repository, project):
    lines = (repository / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if line and line[0] != "#")
    wanted = project["dependencies"] + sum(
        project["optional-dependencies"].values(), []
    )
    names = {re.match(r"[\w-]+", requirement).group() for requirement in wanted}
    assert names <= {name.lower().replace("_", "-") for name in pins}
    assert pins["torch"] == "2.13.0"


def test_every_dependency_is_used(project):
    """Imported somewhere in the package, or a solver that cvxpy is asked for."""
    root = Path(sklip.__file__).parent
    used = {"scs"}
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                used |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                used.add(node.module.split(".")[0])
    names = {re.match(r"[\w-]+", line).group() for line in project["dependencies"]}
    names = {"sklearn" if name == "scikit-learn" else name for name in names}
    assert names - used == set()


def test_oldest_versions_are_the_lower_bounds(repository, project):
    """One hosted job installs exactly what pyproject.toml says is enough."""
    text = (repository / ".github" / "oldest.txt").read_text(encoding="utf-8")
    pins = dict(line.split("==") for line in text.splitlines() if line[0] != "#")
    extras = project["optional-dependencies"]
    wanted = dict(line.split(">=") for line in project["dependencies"] + extras["test"])
    assert pins.keys() == wanted.keys()
    for name, version in wanted.items():
        assert re.fullmatch(rf"{re.escape(version)}(\.0)*", pins[name]), name


def test_citation_names_this_version(repository):
    text = (repository / "CITATION.cff").read_text(encoding="utf-8")
    assert f"version: {sklip.__version__}\n" in text
