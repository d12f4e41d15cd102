# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Every public name is documented after numpydoc, and its examples run.

Also tests of ``_shared_docs.py`` and ``estimators/_shared_docs.py``.
"""

import doctest
import importlib
import importlib.util
import inspect
import tomllib
from pathlib import Path

import pytest
from numpydoc.validate import validate
from sklearn.utils._testing import assert_docstring_consistency

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
def test_the_first_line_says_what_a_file_is(name):
    text = inspect.getdoc(importlib.import_module(name))
    first, *rest = text.split("\n")
    assert first.endswith((".", "?")) and len(first.split()) > 2
    assert not any(rest[:1])


@pytest.mark.parametrize("name", list(module_names()))
def test_examples_run(name):
    outcome = doctest.testmod(
        importlib.import_module(name),
        optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE,
    )
    assert outcome.failed == 0


BALLS = (
    "adversarial_accuracy_score adversarial_interval certified_accuracy_score "
    "certified_error_score certified_interval make_adversarial_accuracy_scorer "
    "make_certified_accuracy_scorer make_certified_error_scorer verify_robustness"
)
# Parameters that mean the same in several functions or classes; the families of
# estimators take theirs from one table.
SHARED = {
    "X": "adversarial_accuracy_score adversarial_interval certified_accuracy_curve "
    "certified_accuracy_score certified_error_score certified_interval "
    "certified_radius margins minimum_norm_attack robustness_bracket verify_robustness",
    "norm": f"{BALLS} certified_accuracy_curve robustness_bracket "
    "CertifiedIntervalRegressor CertifiedRejectClassifier",
    "feature_eps": f"{BALLS} certified_accuracy_curve minimum_norm_attack "
    "robustness_bracket",
    "radius": BALLS,
    "device": "certified_accuracy_curve certified_accuracy_score certified_radius",
    "categorical": "certified_accuracy_curve certified_accuracy_score "
    "make_certified_accuracy_scorer",
    "groups": "adversarial_accuracy_score certified_accuracy_curve "
    "certified_accuracy_score noise_accuracy_curve",
    "sample_weight": "adversarial_accuracy_score certified_accuracy_curve "
    "certified_accuracy_score noise_accuracy_curve risk_coverage_curve",
    "random_state": "adversarial_accuracy_score adversarial_interval "
    "minimum_norm_attack robustness_bracket",
    "tol": "lipschitz_bound lipschitz_bracket",
    "time_limit": "lipschitz_bound lipschitz_bracket",
}


@pytest.mark.parametrize("parameter", SHARED)
def test_shared_parameters_are_described_alike(parameter):
    objects = [getattr(sklip, name) for name in SHARED[parameter].split()]
    assert_docstring_consistency(objects, include_params=[parameter])
