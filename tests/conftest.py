# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""One thread for torch, no window for matplotlib, short branch and bound."""

import os
from pathlib import Path

# Read by SciPy when it is imported: scikit-learn's array API check runs only with it.
os.environ.setdefault("SCIPY_ARRAY_API", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

import pytest  # noqa: E402
import torch  # noqa: E402

# The test networks are tiny: a second thread only waits, above all under xdist.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def repository():
    """Root of the source tree; skips where the tests lie without it."""
    root = Path(__file__).resolve().parents[1]
    if not (root / "pyproject.toml").exists():
        pytest.skip("needs the source tree")
    return root


@pytest.fixture(autouse=True)
def branching_effort(request, monkeypatch):
    """Branch and bound takes few of its parts: most of "best" is its time.

    What it proves is as true. ``tests/certification/branching`` and single modules
    override this with the effort that users get; single tests have the mark
    ``full_effort``.
    """
    if request.node.get_closest_marker("full_effort"):
        return
    from sklip.certification._branching import radius
    from sklip.certification._branching.queue import Effort

    at_one_radius = Effort(of_one=200, of_all=1000, early=32, progress=0.3)
    monkeypatch.setattr(radius, "_MOST_PARTS", 24)
    monkeypatch.setattr(radius, "_FEWEST_PARTS", 24)
    monkeypatch.setattr(radius, "_AT_ONE_RADIUS", at_one_radius)
