# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The search for the largest radius: on the grid, proven, and in few evaluations.

Also tests of ``certification/_local_margins.py``.
"""

from types import SimpleNamespace

import numpy as np
import pytest

from sklip.certification import _local_radius, _proven_radii, certified_radius
from sklip.certification._decisions import decide
from sklip.certification._local_margins import LocalMargins
from sklip.certification._local_radius import (
    _Search,
    grid_index,
    grid_radius,
    local_radii,
)
from sklip.networks import random_network


class Margins:
    """Margins that fall with the radius as a given function does."""

    decisions = SimpleNamespace(block=SimpleNamespace(is_late=False))

    def __init__(self, functions):
        self.functions, self.asked = functions, []
        self.gaps = np.array([[f(0.0)] for f in functions])
        self.likely = []

    def lower(
        self,
        rows,
        radii,
        method,
        passed,
        *,
        refine=True,
        by_lines=None,
        given_up=None,
        likely=None,
    ):
        self.likely.append(likely.copy())
        assert len(self.asked) < 400
        self.asked.append(len(rows))
        found = [self.functions[i](r) for i, r in zip(rows, radii, strict=True)]
        lower = np.where(passed, np.inf, np.array(found)[:, None])
        # All that is proven lines prove, where their slopes are optimised.
        by_lines[:] = (lower > 0.0) & ~given_up & refine
        self.given_up = given_up
        return lower

    def lower_at(self, radii):
        """Margins of the samples at these radii."""
        found = [f(r) for f, r in zip(self.functions, radii, strict=True)]
        return np.array(found)[:, None]


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
    most = {"crown": (8, 20)}.get(method, (6, 14))
    assert n_asked <= most[shape == "cliff"]


@pytest.mark.parametrize("shape", ["line", "root", "square"])
def test_what_rises_from_below_is_found_in_few_evaluations(shape):
    """By where the margin is heading; halves of the interval would take more."""
    margins = Margins([SHAPES[shape](1.0)])
    search = _Search(margins, "best", np.zeros((1, 1)), np.arange(1))
    # A line is followed to its end where its value at the start is known.
    search.rise(np.array([0.985]), margins.lower_at([0.985]))
    assert search.low == grid_radius(-1)
    assert len(margins.asked) <= 4


@pytest.mark.parametrize("shape", ["line", "root", "square"])
def test_an_end_far_out_is_found_where_the_margin_is_heading(shape):
    """A step ahead by the fall so far, then chords: no climb by small steps."""
    margins = Margins([SHAPES[shape](1.0)])
    search = _Search(margins, "best", np.zeros((1, 1)), np.arange(1))
    search.rise(np.array([0.6]), margins.lower_at([0.6]))
    assert search.low == grid_radius(-1)
    assert len(margins.asked) <= {"root": 7}.get(shape, 4)


@pytest.mark.parametrize("method", ["ibp", "crown", "local", "best"])
def test_blocks_of_samples_are_bounded_as_all_of_them_are(method, monkeypatch):
    network = random_network((4, 9, 8, 3), gain=2.0, random_state=0)
    X = np.random.default_rng(0).normal(size=(7, 4))
    asked = np.arange(7), np.geomspace(0.01, 1.0, 7), method
    margins = LocalMargins(decide(network, X), 2.0)
    whole = [margins.lower(*asked), margins.lower(*asked, likely=np.arange(7) < 4)]
    assert (whole[0] > 0.0).all(axis=1).any() and (whole[0] < 0.0).any()
    monkeypatch.setattr(type(margins.propagation), "block_rows", lambda self, n: 2)
    parts = [margins.lower(*asked), margins.lower(*asked, likely=np.arange(7) < 4)]
    np.testing.assert_allclose(parts, whole, rtol=1e-9)


def test_what_is_proven_again_farther_out_is_found():
    """Between two places where bounds in a larger ball are tighter."""

    def twice(limit):
        return lambda r: 1.0 if r < 1.0 or 1.01 < r < limit else -1.0

    margins = Margins([twice(1.05), twice(1.0), lambda r: 1.0 if r < 1.0 else -1.0])
    search = _Search(margins, "best", np.zeros((3, 1)), np.arange(3))
    search.low[:], search.high[:] = grid_radius(-1), grid_radius(0)
    search.rise_beyond(np.array([True, True, True]))
    end = grid_radius(np.floor(grid_index(1.05)))
    np.testing.assert_allclose(search.low, [end, grid_radius(-1), grid_radius(-1)])


def test_slopes_that_do_not_help_are_not_optimised_farther_out():
    margins = Margins([SHAPES["line"](1.0)])
    search = _Search(margins, "crown", np.zeros((1, 1)), np.arange(1))
    search.run(np.array([0.9]))
    # Where the search ended: the neighbour of the last radius that is proven.
    np.testing.assert_allclose(search.lines_end, 1.0)
    margins.likely.clear()
    search = _Search(margins, "best", np.zeros((1, 1)), np.arange(1))
    search.lines_end[:] = 0.5
    search.rise(np.array([0.9]), margins.lower_at([0.9]))
    assert margins.given_up.all()
    # A search goes by the rates that are proven, not by estimates from below.
    assert all(likely.all() for likely in margins.likely)
    assert search.lines_end == 0.5


def test_it_starts_at_four_fifths_of_the_way_to_the_tangent(monkeypatch):
    """Not where nothing is known: there a search would rise from far below."""
    margins = Margins([SHAPES["line"](limit) for limit in (1.0, 30.0)])
    margins.possible, margins.norm = np.ones(2, dtype=bool), 2
    first, lower = [], margins.lower

    def asked(rows, radii, *args, **options):
        first.append(radii.copy())
        return lower(rows, radii, *args, **options)

    margins.lower, tangent = asked, np.array([0.7, 40.0])
    monkeypatch.setattr(_local_radius, "tangent_distances", lambda *args: tangent)
    found = local_radii(margins, "ibp", np.zeros((2, 1)))
    assert np.all((first[0] > 0.78 * tangent) & (first[0] <= 0.8 * tangent))
    np.testing.assert_allclose(found, [1.0, 30.0], rtol=0.02)


def kept_margins(monkeypatch):
    """A list that takes the LocalMargins which are made."""
    kept = []

    class Kept(LocalMargins):
        def __init__(self, *args):
            super().__init__(*args)
            kept.append(self)

    monkeypatch.setattr(_proven_radii, "LocalMargins", Kept)
    return kept


def test_pairs_that_need_no_bound_get_none(monkeypatch):
    """Nothing limits them, nor the target; the others get what they get alone."""
    kept = kept_margins(monkeypatch)
    network = random_network([3, 6, 4], random_state=0)
    X = np.random.default_rng(0).normal(size=(5, 3))
    certified_radius(network, X, method="ibp")
    margins, rows, radii = kept[0], np.arange(5), np.full(5, 0.1)
    passed = np.random.default_rng(1).random((5, 4)) < 0.5
    whole = margins.lower(rows, radii, "ibp")
    part = margins.lower(rows, radii, "ibp", passed)
    is_target = np.arange(4) == margins.decisions.target[:, None]
    assert np.array_equal(whole > 1e300, is_target)
    assert np.array_equal(part > 1e300, is_target | passed)
    np.testing.assert_array_equal(part[~passed], whole[~passed])


def test_rates_that_are_likely_to_prove_are_the_same_rates(monkeypatch):
    """Without a look at them from below, which may leave them out."""
    kept = kept_margins(monkeypatch)
    network = random_network([3, 6, 4], random_state=0)
    X = np.random.default_rng(0).normal(size=(40, 3))
    radii = certified_radius(network, X, method="local") * np.repeat([0.5, 4.0], 20)
    looks = []
    estimate = kept[0]._optimistic_rates
    kept[0]._optimistic_rates = lambda *args: looks.append(1) or estimate(*args)
    rows, likely = np.arange(40), np.ones(40, dtype=bool)
    plain = kept[0].lower(rows, radii, "local")
    known = plain > -1e300
    assert looks and not known.all() and (plain > 0.0).all(axis=1).any()
    looks.clear()
    sure = kept[0].lower(rows, radii, "local", likely=likely)
    assert not looks
    np.testing.assert_allclose(sure[known], plain[known], rtol=1e-12)
    assert np.all(sure[~known.all(axis=1)].min(axis=1) <= 0.0)
