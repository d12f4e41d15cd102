# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The search for the largest radius: on the grid, proven, and in few evaluations."""

from types import SimpleNamespace

import numpy as np
import pytest

from sklip.certification._local_radius import _Search, grid_index, grid_radius


class Margins:
    """Margins that fall with the radius as a given function does."""

    decisions = SimpleNamespace(block=SimpleNamespace(is_late=False))

    def __init__(self, functions):
        self.functions, self.asked = functions, []
        self.gaps = np.array([[f(0.0)] for f in functions])

    def lower(self, rows, radii, method, passed, refine=True):
        assert len(self.asked) < 400
        self.asked.append(len(rows))
        found = [self.functions[i](r) for i, r in zip(rows, radii, strict=True)]
        return np.where(passed, np.inf, np.array(found)[:, None])


def searched(method, functions, start):
    margins = Margins(functions)
    known = np.zeros((len(functions), 1))
    search = _Search(margins, method, known, np.arange(len(functions)))
    search.run(start)
    return search.low, len(margins.asked)


LIMITS = [1e-6, 0.3, 7.0, 4e5]
SHAPES = {
    "line": lambda limit: lambda r: 1.0 - r / limit,
    "root": lambda limit: lambda r: 1.0 - np.sqrt(r / limit),
    "square": lambda limit: lambda r: 1.0 - (r / limit) ** 2,
    "cliff": lambda limit: lambda r: 1.0 if r < limit else -1e9,
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("method", ["ibp", "crown", "local"])
def test_the_last_point_of_the_grid_below_the_limit(method, shape):
    functions = [SHAPES[shape](limit) for limit in LIMITS]
    found, n_asked = searched(method, functions, np.array(LIMITS) * 0.7)
    last = grid_radius(np.ceil(grid_index(np.array(LIMITS))) - 1)
    np.testing.assert_allclose(found, last, rtol=1e-12)
    # An optimised search comes after a coarse one; a cliff tells nothing but its side.
    most = {"crown": (11, 20)}.get(method, (9, 14))
    assert n_asked <= most[shape == "cliff"]
