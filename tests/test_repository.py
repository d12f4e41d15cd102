# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""README, API pages, docstrings and package data say what the code says."""

import ast
import doctest
import importlib
import importlib.metadata
import importlib.resources
import importlib.util
import re
import runpy
import subprocess
import tomllib
from pathlib import Path

import pytest

import sklip

PACKAGE = Path(importlib.util.find_spec("sklip").origin).parent


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


@pytest.fixture
def newest(repository):
    """Version and day of the newest release in the changelog."""
    text = (repository / "CHANGELOG.md").read_text(encoding="utf-8")
    heads = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert heads[0] == "[Unreleased]"
    return re.fullmatch(r"\[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)", heads[1]).groups()


def test_citation_names_the_newest_release(repository, newest):
    version, day = newest
    lines = (repository / "CITATION.cff").read_text(encoding="utf-8").splitlines()
    assert f"version: {version}" in lines and f"date-released: {day}" in lines


def test_readme_tables_and_picture_are_of_the_files_of_today(repository):
    readme = (repository / "README.md").read_text(encoding="utf-8")
    page = runpy.run_path(str(repository / "docs" / "readme.py"))
    assert page["filled"](readme) == readme
    assert readme.count("<!-- measured ") >= 3
    assert page["source_of_picture"]().encode() in page["PICTURE"].read_bytes()
    assert str(page["PICTURE"].relative_to(repository)) in readme


def test_a_table_of_the_readme_that_is_not_its_file_s_is_noticed(repository):
    readme = (repository / "README.md").read_text(encoding="utf-8")
    page = runpy.run_path(str(repository / "docs" / "readme.py"))
    start = readme.index("-->\n|", readme.index("<!-- measured ")) + 4
    digit = re.compile(r"\d\.\d").search(readme, start).start()
    other = "7" if readme[digit] != "7" else "8"
    assert page["filled"](readme[:digit] + other + readme[digit + 1 :]) == readme


def test_links_of_the_release_s_list_lead_somewhere(repository):
    text = (repository / "RELEASE.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", text)
    assert len(links) > 10
    assert [link for link in links if not (repository / link).exists()] == []


def test_a_released_version_has_its_tag_and_its_changes(repository, newest):
    if re.fullmatch(r"[\d.]+", sklip.__version__):
        assert sklip.__version__ in (newest[0], "0.0")
    command = ["git", "-C", str(repository), "tag", "--points-at", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return
    tags = [tag for tag in done.stdout.split() if re.fullmatch(r"v\d.*", tag)]
    assert tags in ([], [f"v{newest[0]}"])


def test_the_version_is_the_built_package_s():
    try:
        built = importlib.metadata.version("sklip")
    except importlib.metadata.PackageNotFoundError:
        built = "0.0+uninstalled"
    assert sklip.__version__ == built


def test_package_indices_can_show_the_readme(repository):
    """After what the build changes in it no link is relative and no comment is left."""
    with open(repository / "pyproject.toml", "rb") as file:
        tool = tomllib.load(file)["tool"]["hatch"]
    changes = tool["metadata"]["hooks"]["fancy-pypi-readme"]["substitutions"]
    text = (repository / "README.md").read_text(encoding="utf-8")
    for change in changes:
        text = re.sub(change["pattern"], change["replacement"], text)
    assert "<!--" not in text
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert links and all(link.startswith("https://") for link in links)
    pictures = re.findall(r"!\[[^]]*\]\((?:.*)/(_static/[^)]+)\)", text)
    assert pictures and all((repository / "docs" / name).is_file() for name in pictures)


def test_only_pythons_of_the_hosted_tests_are_claimed(repository, project):
    text = (repository / ".github" / "workflows" / "tests.yml").read_text()
    hosted = set(re.search(r"python: \[(.+)\]", text)[1].replace('"', "").split(", "))
    stated = [line.rpartition(" :: ")[2] for line in project["classifiers"]]
    claimed = {name for name in stated if re.fullmatch(r"3\.\d+", name)}
    assert claimed and claimed <= hosted
    page = (repository / "docs" / "start" / "install.rst").read_text(encoding="utf-8")
    assert all(name in page for name in claimed)


def described(docstring):
    """Names that a section *Parameters* describes; None where it is left to others."""
    head = re.search(r"^Parameters\n-+\n", docstring, re.M)
    if head is None:
        return None
    section = re.split(r"\n\n?\w[\w ]*\n---+", docstring[head.end() :])[0]
    if re.search(r"^\{", section, re.M):
        return None  # of public names, filled in from tables: numpydoc looks at these
    lines = re.findall(r"^(\*{0,2}\w[\w, *]*?)(?= :|$)", section, re.M)
    return {name.strip(" *") for line in lines for name in line.split(",")}


def arguments_of(node):
    """Names of the arguments of a function, or of a class's constructor."""
    if isinstance(node, ast.ClassDef):
        made = [f for f in node.body if getattr(f, "name", "") == "__init__"]
        if not made:
            return None
        (node,) = made
    given = node.args
    listed = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    listed += [a for a in (given.vararg, given.kwarg) if a is not None]
    names = {a.arg for a in listed}
    return names if names == {"cls"} else names - {"self", "cls"}


def test_sections_of_parameters_are_whole():
    """Private functions too: all arguments are described, or none."""
    wrong = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef | ast.ClassDef):
                continue
            names = described(ast.get_docstring(node) or "")
            given = arguments_of(node)
            if None not in (names, given) and names != given:
                wrong.append((path.name, node.name, names ^ given))
    assert wrong == []


def test_the_tests_of_a_file_are_found(repository):
    """By its name, its folder's, or named in the first docstring of a file of tests."""
    tests = repository / "tests"
    texts = [path.read_text(encoding="utf-8") for path in tests.rglob("test_*.py")]
    heads = "".join(ast.get_docstring(ast.parse(text)) for text in texts)
    named = set(re.findall(r"``(\w+/[\w/]+\.py|_\w+\.py)``", heads))
    roots = PACKAGE, repository
    assert all(any((root / name).exists() for root in roots) for name in named)
    lost = []
    for path in sorted(PACKAGE.rglob("*.py")):
        place = path.relative_to(PACKAGE)
        n_lines = len(path.read_text(encoding="utf-8").splitlines())
        if n_lines <= 60 or place.name == "__init__.py" or place.as_posix() in named:
            continue
        folders = [p if p == "_cli" else p.lstrip("_") for p in place.parts[:-1]]
        guesses = [[*folders, place.stem.strip("_")], folders]
        files = [tests.joinpath(*g[:-1], f"test_{g[-1]}.py") for g in guesses if g]
        if not any(file.exists() for file in files):
            lost.append(place.as_posix())
    assert lost == []
