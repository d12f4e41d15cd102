# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What ``import sklip`` and the command line load, and when (``sklip._lazy``).

Also tests of ``_lazy.py``.
"""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

import sklip

PACKAGE = Path(importlib.util.find_spec("sklip").origin).parent
LAZY = {"cvxpy", "matplotlib", "pandas", "skops"}
HEAVY = {"joblib", "numpy", "scipy", "skorch", "sklearn", "torch"}
DOORS = sorted(
    ".".join(path.parent.relative_to(PACKAGE.parent).parts)
    for path in PACKAGE.rglob("__init__.pyi")
)


@pytest.mark.parametrize("door", DOORS)
def test_every_name_of_a_door_is_there(door):
    package = importlib.import_module(door)
    for name in package.__all__:
        assert getattr(package, name) is not None
    assert set(package.__all__) <= set(dir(package))
    assert "lazy_door" not in dir(package)  # completion offers what a user can call


def test_packages_are_attributes_of_sklip():
    assert sklip.bounds.lipschitz_bound is sklip.lipschitz_bound
    assert {door.rpartition(".")[2] for door in DOORS} <= {*dir(sklip), "sklip"}


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'sklip' has no attribute 'nothing'"):
        getattr(sklip, "no" + "thing")
    with pytest.raises(ImportError, match="nothing"):
        exec("from sklip.bounds import nothing")


@pytest.mark.parametrize(
    "arguments",
    [
        ["-c", "import sklip"],
        ["-c", "import sklip; dir(sklip), sklip.__all__, sklip.__version__"],
        ["-m", "sklip", "--version"],
        ["-m", "sklip", "--help"],
        ["-m", "sklip", "--no-such-option"],
        ["-m", "sklip", "--estimator", "noise", "--lipschitz-bound", "1"],
    ],
    ids=" ".join,
)
def test_import_and_command_line_are_light(arguments):
    """Nothing but the standard library and the door is loaded until it is needed."""
    found = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments],
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
    )
    lines = [line for line in found.stderr.splitlines() if "import time:" in line]
    loaded = {line.rpartition("|")[2].strip() for line in lines}
    assert "sklip._lazy" in loaded
    roots = {name.partition(".")[0] for name in loaded}
    assert roots & (LAZY | HEAVY) == set()


def test_importing_everything_leaves_the_rarely_needed_out():
    # scikit-learn imports pandas where it is installed: that is not ours to count.
    code = (
        "import sys, skorch, sklearn; before = set(sys.modules); from sklip import *; "
        f"print(*({LAZY!r} & (sys.modules.keys() - before)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == ""


@pytest.mark.parametrize("kind", ["FeedForward([[[1.0], [-1.0]]])", "CONVOLUTION"])
def test_verification_works_as_the_first_thing_that_is_imported(kind):
    """What proves radii is loaded by whoever asks for them."""
    code = (
        "import torch; from sklip.certification import verify_robustness\n"
        "from sklip.networks import FeedForward\n"
        "CONVOLUTION = torch.nn.Sequential(torch.nn.Unflatten(1, (1, 1)), "
        "torch.nn.Conv1d(1, 2, 1), torch.nn.Flatten()).double().eval()\n"
        "CONVOLUTION[1].weight.data[:, 0, 0] = torch.tensor([1.0, -1.0])\n"
        "CONVOLUTION[1].bias.data[:] = 0.0\n"
        f"print(verify_robustness({kind}, [[1.0]], [0], radius=0.25)[0].status)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True
    )
    assert found.stdout.strip() == "verified", found.stderr
