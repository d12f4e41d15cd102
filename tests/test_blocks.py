# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Functions of many rows: blocks, processes, lines on stderr and limits of time."""

import pickle
import time

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import sklip
from sklip import _blocks as blocks
from sklip.certification import is_certified, pgd_attack
from sklip.networks import FeedForward, random_network

RNG = np.random.default_rng(0)
X = RNG.normal(size=(11, 4))
NET = random_network([4, 6, 3], random_state=0)
ONE = random_network([4, 6, 1], random_state=0)
LINEAR = FeedForward(NET.weights[:1])
Y = NET.forward(X).argmax(axis=1)
FRAME = pd.DataFrame(X, columns=list("abcd"), index=range(100, 111))
RADII = [0.3, 0.0, 0.1]

CALLS = {
    "certified_radius": lambda **k: sklip.certified_radius(NET, X, effort=0, **k),
    "certified_accuracy_score": lambda **k: sklip.certified_accuracy_score(
        NET, X, Y, radius=0.1, groups="class", **k
    ),
    "certified_accuracy_curve": lambda **k: sklip.certified_accuracy_curve(
        NET, X, Y, RADII, sample_weight=1.0 + np.arange(11), **k
    ),
    "is_certified": lambda **k: is_certified(NET, X, radius=0.1, **k),
    "verify_robustness": lambda **k: [
        (v.status, v.n_parts, v.lower)
        for v in sklip.verify_robustness(NET, X, Y, radius=0.1, time_limit=90, **k)
    ],
    "robustness_bracket": lambda **k: sklip.robustness_bracket(
        LINEAR, X, random_state=0, **k
    ),
    "pgd_attack": lambda **k: pgd_attack(
        NET, FRAME, radius=0.4, n_restarts=3, random_state=0, **k
    ),
    "adversarial_accuracy_score": lambda **k: sklip.adversarial_accuracy_score(
        NET, X, Y, radius=0.2, n_restarts=3, random_state=0, **k
    ),
    "minimum_norm_attack": lambda **k: sklip.minimum_norm_attack(
        NET, sparse.csr_array(X), n_restarts=2, n_steps=9, random_state=0, **k
    ),
    "nearest_flip": lambda **k: vars(sklip.nearest_flip(NET, FRAME, norm=1, **k)),
    "certification_report": lambda **k: sklip.certification_report(
        NET, FRAME, Y, method="pairwise", **k
    ),
    "local_lipschitz_bound": lambda **k: sklip.local_lipschitz_bound(
        NET, X, radius=0.1, **k
    ),
    "certified_interval": lambda **k: sklip.certified_interval(ONE, X, radius=0.1, **k),
    "certified_error_score": lambda **k: sklip.certified_error_score(
        ONE, X, X[:, 0], radius=0.1, **k
    ),
    "adversarial_interval": lambda **k: sklip.adversarial_interval(
        ONE, FRAME, radius=0.1, random_state=0, return_points=True, **k
    ),
}


def entries(answer):
    """Arrays in an answer of any form."""
    if isinstance(answer, dict):
        answer = [*answer.values()]
    if isinstance(answer, list | tuple):
        return [part for each in answer for part in entries(each)]
    if sparse.issparse(answer):
        return [answer.toarray()]
    if isinstance(answer, pd.DataFrame):
        return [answer.index, answer.columns, *(answer[c] for c in answer)]
    return [answer]


def assert_same(first, second, rtol=0.0):
    first, second = entries(first), entries(second)
    assert len(first) == len(second)
    for a, b in zip(first, second, strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert a.dtype == b.dtype
        if rtol and a.dtype.kind == "f":
            assert np.allclose(a, b, rtol=rtol, equal_nan=True)
        else:
            # None and NaN are equal to themselves here.
            assert pd.Series(a.ravel()).equals(pd.Series(b.ravel()))


@pytest.fixture
def small(monkeypatch):
    """Blocks of five rows."""
    monkeypatch.setattr(blocks, "_ENTRIES", 20)


class Pickled:
    """In the place of joblib: what is sent and what comes back are pickles."""

    def __init__(self, **options):
        assert options == {"n_jobs": 2, "return_as": "generator"}

    def __call__(self, calls):
        for call in calls:
            function, arguments, _ = pickle.loads(pickle.dumps(call))
            yield pickle.loads(pickle.dumps(function(*arguments)))


@pytest.mark.parametrize("name", CALLS)
def test_processes_find_the_same_bits(name, small, monkeypatch):
    alone = CALLS[name]()
    monkeypatch.setattr(blocks, "Parallel", Pickled)
    assert_same(alone, CALLS[name](n_jobs=2))


@pytest.mark.parametrize(
    "name",
    ["certified_radius", "certified_accuracy_curve", "certified_interval"],
)
def test_blocks_are_no_part_of_the_answer(name, monkeypatch):
    """But for the last bits, which depend on how many rows are multiplied at a time."""
    whole = CALLS[name]()
    monkeypatch.setattr(blocks, "_ENTRIES", 20)
    assert_same(whole, CALLS[name](), rtol=1e-9)


@pytest.mark.parametrize("name", CALLS)
def test_a_bad_row_is_found_before_any_work(name, small, monkeypatch):
    begun = []

    class Noted(Pickled):
        def __call__(self, calls):
            begun.append(True)
            return super().__call__(calls)

    table, frame = X.copy(), FRAME.copy()
    table[10, 3] = frame.iloc[10, 3] = np.nan
    monkeypatch.setitem(globals(), "X", table)
    monkeypatch.setitem(globals(), "FRAME", frame)
    monkeypatch.setattr(blocks, "Parallel", Noted)
    with pytest.raises(ValueError, match="NaN|finite"):
        CALLS[name](n_jobs=2)
    assert not begun


def test_a_backend_of_joblib_decides_where(small):
    alone = CALLS["pgd_attack"]()
    with joblib.parallel_config(backend="threading", n_jobs=2):
        assert_same(alone, CALLS["pgd_attack"]())


def test_a_seeded_generator_draws_once(small):
    """Whatever the number of blocks, so that what follows is the same."""
    rng, other = np.random.default_rng(3), np.random.default_rng(3)
    sklip.minimum_norm_attack(NET, X, n_steps=2, n_restarts=2, random_state=rng)
    other.integers(2**63, size=3)
    assert rng.integers(1000) == other.integers(1000)


def test_lines_on_stderr(small, monkeypatch, capsys):
    monkeypatch.setattr("sklip._progress._SECONDS_BETWEEN_LINES", 0.0)
    CALLS["is_certified"]()
    assert capsys.readouterr() == ("", "")
    CALLS["is_certified"](verbose=1)
    out, lines = capsys.readouterr()
    assert out == "" and lines.count("of 11 rows done") == 2
    assert "5 of 11 rows done, about" in lines and "left" in lines


def test_what_time_leaves_is_proven_by_norms(small, monkeypatch):
    """Each block has its share of the time; those after it keep the pairwise radii."""
    now = [0.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    decide = sklip.certification._radius.decide

    def slowly(*args, **options):
        now[0] += 1.0
        return decide(*args, **options)

    monkeypatch.setattr("sklip.certification._radius.decide", slowly)
    best = sklip.certified_radius(NET, X, effort=0)
    norms = sklip.certified_radius(NET, X, method="pairwise")
    now[0] = 0.0
    # Each of the three blocks begins a second after its share is over.
    found = sklip.certified_radius(NET, X, effort=0, time_limit=0.5)
    assert (best > 1.01 * norms).any()
    assert np.array_equal(found, norms)
    now[0] = 0.0
    found = sklip.certified_radius(NET, X, effort=0, time_limit=10.0)
    assert np.array_equal(found, best)


def test_a_search_stops_where_it_is(monkeypatch):
    """Radii are proven at any time, and never below those of norms."""
    norms = sklip.certified_radius(NET, X, method="pairwise")
    best = sklip.certified_radius(NET, X, effort=0)
    ticks = iter(np.arange(1000.0))
    monkeypatch.setattr(time, "time", lambda: next(ticks))
    found = sklip.certified_radius(NET, X, effort=0, time_limit=6.0)
    assert (found >= norms).all() and (found <= best).all()
    assert (found < best).any()


def test_lists_are_the_array_that_they_become(small, monkeypatch):
    """A block of whole numbers in a list of numbers is none of whole numbers."""
    monkeypatch.setattr("sklip.certification._attacks.minimum_norm.SOME_ROWS", 5)
    table = np.where(np.arange(11)[:, None] < 5, np.round(X), X)
    rows, distances = sklip.minimum_norm_attack(NET, table, random_state=0)
    listed = sklip.minimum_norm_attack(NET, table.tolist(), random_state=0)
    assert np.array_equal(listed[0], rows) and np.array_equal(listed[1], distances)


def test_labels_of_another_table_are_refused_before_any_work(small, monkeypatch):
    monkeypatch.setattr("sklip.certification._radius.decide", None)
    with pytest.raises(ValueError, match="X has 11 samples, but y has 10 labels"):
        sklip.certified_radius(NET, X, Y[:-1])


def test_rows_are_named_by_their_place_in_the_table(small):
    with pytest.raises(ValueError, match="row 7 of X has 9"):
        table = X.copy()
        table[7, 0] = 9.0
        sklip.nearest_flip(NET, table, bounds={0: (-8.0, 8.0)})


def test_polars_in_polars_out(small):
    polars = pytest.importorskip("polars")
    table = polars.DataFrame({name: FRAME[name].to_numpy() for name in FRAME})
    flips = sklip.nearest_flip(NET, table, norm=1)
    assert isinstance(flips.rows, polars.DataFrame)
    assert flips.rows.schema == table.schema
    wanted = sklip.nearest_flip(NET, FRAME, norm=1)
    assert np.array_equal(flips.distances, wanted.distances)


def test_a_curve_asks_each_radius_of_few_rows_once(monkeypatch):
    """Bisection over the radii: fewer questions than radii times rows."""
    net = FeedForward([[[1.0, 0.0], [-1.0, 0.0]]])
    table = np.column_stack([np.linspace(0.01, 1.0, 64), np.zeros(64)])
    asked = []
    prove = sklip.certification._accuracy.radii_for

    def counting(decisions, *rule, needed):
        asked.append((needed, len(decisions.target)))
        return np.minimum(prove(decisions, *rule, needed=needed), needed)

    monkeypatch.setattr("sklip.certification._accuracy.radii_for", counting)
    radii = np.linspace(0.0, 1.0, 17)
    curve = sklip.certified_accuracy_curve(net, table, np.zeros(64, dtype=int), radii)
    wanted = [np.mean(table[:, 0] >= radius) for radius in radii]
    assert np.allclose(curve, wanted, atol=1 / 60)
    assert len({needed for needed, _ in asked}) == len(asked) <= 17
    assert sum(rows for _, rows in asked) <= 5.5 * 64
