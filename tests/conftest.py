# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""One thread for torch, seeds, no window for matplotlib, short searches."""

import importlib
import os
from pathlib import Path

# Read by SciPy when it is imported: scikit-learn's array API check runs only with it.
os.environ.setdefault("SCIPY_ARRAY_API", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

import numpy as np  # noqa: E402
import pytest  # noqa: E402
import torch  # noqa: E402

# The test networks are tiny: a second thread only waits, above all under xdist.
torch.set_num_threads(1)


def _seed():
    np.random.seed(0)
    torch.manual_seed(0)


def pytest_collectstart(collector):
    """What a file of tests draws while it is imported is the same in each process."""
    _seed()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """And so is what a test and its fixtures draw, whatever ran before."""
    _seed()


@pytest.fixture(scope="session")
def repository():
    """Root of the source tree; skips where the tests lie without it."""
    root = Path(__file__).resolve().parents[1]
    if not (root / "pyproject.toml").exists():
        pytest.skip("needs the source tree")
    return root


# What is limited where: names of modules, and of their constants.
_FEW_PARTS = {
    "sklip.certification._branching.radius": {
        "_MOST_PARTS": 24,
        "_FEWEST_PARTS": 24,
        "_AT_ONE_RADIUS": (200, 1000, 32, 0.3),
        # The fine level proves at most the 4 % that lie between two coarse radii.
        "_LEVELS": ((32, 1.0),),
        "_FLIP_STEPS": 20,
    },
    "sklip.certification._branching.branches": {"_ROOT_STEPS": 4, "_HIDDEN_STEPS": 3},
    "sklip.certification._local_margins": {"_N_STEPS": 4},
}
_FEW_CLIMBS = {"sklip.bounds._empirical": {"_STEPS": 20, "_SHAKES": (0.3, 0.03)}}


def _limit(request, monkeypatch, constants):
    if request.node.get_closest_marker("full_effort"):
        return
    for module, limits in constants.items():
        module = importlib.import_module(module)
        for name, limit in limits.items():
            kind = type(getattr(module, name))
            limit = kind(*limit) if hasattr(kind, "_fields") else limit
            monkeypatch.setattr(module, name, limit)


@pytest.fixture(autouse=True)
def branching_effort(request, monkeypatch):
    """Branch and bound takes few of its parts, optimised slopes few of their steps.

    What they prove is as true: most of "best" is their time. The tests in
    ``tests/certification/branching`` and single modules override this with the effort
    that users get; single tests have the mark ``full_effort``.
    """
    _limit(request, monkeypatch, _FEW_PARTS)


@pytest.fixture(autouse=True)
def climbing_effort(request, monkeypatch):
    """The search for steep pairs of points is short; ``tests/bounds`` overrides it."""
    _limit(request, monkeypatch, _FEW_CLIMBS)
