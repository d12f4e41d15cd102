# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What "best" gains by branch and bound, between exact verification and attacks.

Also tests of ``certification/_branching/branches.py`` and
``certification/_branching/closing.py``.
"""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import scale

from sklip import CertifiedRejectClassifier
from sklip.certification import (
    adversarial_accuracy_score,
    certification_report,
    certified_accuracy_score,
    certified_radius,
    minimum_norm_attack,
    robustness_bracket,
    verify_robustness,
)
from sklip.certification._branching import radius as branch_radius
from sklip.certification._branching.branches import Branching
from sklip.certification._branching.queue import Effort
from sklip.certification._decisions import decide
from sklip.networks import FeedForward, random_network

METHODS = ["product", "pairwise", "sequential", "lipsdp", "ibp", "crown", "local"]
TRAINED = {
    "digits 16": (load_digits, (16,), 0.3),
    "cancer 12-12": (load_breast_cancer, (12, 12), 1.0),
}


@pytest.fixture(scope="module", params=list(TRAINED))
def trained(request):
    """A network, samples that it did not see, a radius, and the radii by "best"."""
    load, hidden, radius = TRAINED[request.param]
    X, y = load(return_X_y=True)
    X = X / 16.0 if load is load_digits else scale(X)
    X, X_test, y, y_test = train_test_split(X, y, stratify=y, random_state=0)
    model = MLPClassifier(hidden, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    X, y = X_test[:8], y_test[:8]
    return model, X, y, radius, certified_radius(model, X, y)


def test_best_lies_between_the_other_methods_and_the_attack(trained):
    model, X, y, _, best = trained
    for method in METHODS:
        assert np.all(certified_radius(model, X, y, method=method) <= best), method
    _, attacked = minimum_norm_attack(model, X, y, random_state=0)
    assert np.all(best <= attacked)
    assert best.mean() >= 0.96 * attacked.mean()


def test_score_lies_between_exact_verification_and_the_attack(trained):
    model, X, y, radius, best = trained
    for eps in (radius, 0.5 * radius):
        score = certified_accuracy_score(model, X, y, radius=eps)
        attacked = adversarial_accuracy_score(
            model, X, y, radius=eps, n_restarts=3, random_state=0
        )
        exact = verify_robustness(model, X, y, radius=eps, time_limit=8.0)
        exact = np.array([result.status for result in exact])
        assert score <= attacked
        assert score >= np.mean(exact == "verified") - np.mean(exact == "unknown")
        assert score == np.mean(best >= eps)
        assert not np.any((best >= eps) & (exact == "falsified"))


def test_scores_certify_what_radii_do_at_and_between_points_of_the_grid(trained):
    model, X, y, _, best = trained
    _, attacked = minimum_norm_attack(model, X, y, random_state=0)
    for i in np.flatnonzero(best)[:2]:
        for eps in (best[i], 0.99 * best[i], best[i] * (1.0 + 1e-9)):
            score = certified_accuracy_score(model, X, y, radius=eps)
            assert np.mean(best >= eps) <= score <= np.mean(attacked >= eps)


@pytest.mark.parametrize("norm", [1, np.inf])
def test_other_norms_gain_as_well(trained, norm):
    model, X, y, _, _ = trained
    X, y = X[:3], y[:3]
    best = certified_radius(model, X, y, norm=norm)
    crown = certified_radius(model, X, y, norm=norm, method="crown")
    _, attacked = minimum_norm_attack(model, X, y, norm=norm, random_state=0)
    assert np.all(crown <= best) and np.all(best <= attacked)
    assert best.sum() > 1.01 * crown.sum()


@pytest.mark.parametrize("norm", [2, np.inf])
def test_tolerances_of_features_are_kept(trained, norm):
    model, X, y, _, _ = trained
    X, y = X[:3], y[:3]
    ball = {"norm": norm, "feature_eps": dict.fromkeys(range(10, 30), 0.2)}
    best = certified_radius(model, X, y, **ball)
    crown = certified_radius(model, X, y, method="crown", **ball)
    _, attacked = minimum_norm_attack(model, X, y, random_state=0, **ball)
    assert np.all(crown <= best) and np.all(best <= attacked)
    assert best.sum() > 1.01 * crown.sum()
    for eps in best[best > 0.0]:
        score = certified_accuracy_score(model, X, y, radius=eps, **ball)
        assert np.mean(best >= eps) <= score <= np.mean(attacked >= eps)


def test_a_sample_is_settled_alike_in_any_company(trained):
    model, X, y, _, best = trained
    for rows in (slice(0, 1), slice(3, 5)):
        assert_array_equal(certified_radius(model, X[rows], y[rows]), best[rows])


def test_a_call_of_more_samples_has_fewer_parts_for_each(trained, monkeypatch):
    model, X, y, radius, best = trained
    monkeypatch.setattr(branch_radius, "_ALL_PARTS", 8 * 120)
    few = certified_radius(model, X, y)
    assert np.all(few <= best)
    # A score does not depend on the number of samples.
    score = certified_accuracy_score(model, X, y, radius=radius)
    assert score == certified_accuracy_score(model, X[:4], y[:4], radius=radius) / 2 + (
        certified_accuracy_score(model, X[4:], y[4:], radius=radius) / 2
    )
    # Four at a time have twice the parts.
    chunks = [slice(0, 4), slice(4, 8)]
    more = np.concatenate([certified_radius(model, X[c], y[c]) for c in chunks])
    assert np.all(few <= more) and np.all(more <= best)


def test_without_parts_nothing_is_gained_nor_lost(trained, monkeypatch):
    model, X, y, radius, best = trained
    # Fewer for each sample than are worth while.
    monkeypatch.setattr(branch_radius, "_ALL_PARTS", 8 * 99)
    monkeypatch.setattr(branch_radius, "branching_of", None)
    few = certified_radius(model, X, y)
    assert np.all(few <= best) and few.sum() < best.sum()
    score = certified_accuracy_score(model, X, y, radius=radius)
    assert score == np.mean(few >= radius)
    crown = certified_radius(model, X, y, method="crown")
    assert np.all(crown <= few)


def test_work_is_limited_by_samples_size_and_effort():
    def limit(sizes, n_samples=1, effort="normal", activation="relu"):
        network = random_network(sizes, activation=activation, random_state=0)
        found = branch_radius.limits(effort, network, n_samples)
        return found and found.of_levels[0].of_one

    small = 4, 32, 32, 3
    limits = [limit(small, n) for n in (1, 50, 100, 1000, 1001)]
    assert limits == [2000, 2000, 1000, 100, None]
    assert limit((4, 3)) is limit((4, 8, 3), activation="tanh") is None
    efforts = ["low", "normal", "high"]
    assert limit(small, effort="low") < 2000 < limit(small, effort="high")
    # The larger the network the fewer; a number of parts is taken as it is.
    for effort in efforts:
        found = [limit((9, n, n, 3), effort=effort) for n in (8, 64, 128, 256)]
        assert found == sorted(found, reverse=True) and found[0] > found[-1] > 0
    assert limit((9, 2000, 2000, 3), effort="low") is None
    assert limit((9, 2000, 2000, 3), effort=17) == limit(small, 5000, 17) == 17
    assert limit(small, effort=0) is None
    # Where ranges are cut only on request.
    curved = [limit(small, 1, effort, "tanh") for effort in (*efforts, 17)]
    assert curved == [None, None, limit(small), 17]


@pytest.mark.parametrize("norm", [2, np.inf])
def test_curved_networks_gain_by_parts_what_an_attack_leaves(norm):
    shape = {"activation": "tanh", "random_state": 0, "gain": 2.0}
    network = random_network((4, 8, 8, 3), **shape)
    X = np.random.default_rng(0).normal(size=(4, 4))
    few, many = (
        certified_radius(network, X, norm=norm, effort=effort) for effort in (0, 30)
    )
    _, flips = minimum_norm_attack(network, X, norm=norm, random_state=0)
    assert np.all(few <= many) and many.sum() > 1.05 * few.sum()
    assert np.all(many <= flips)


def test_more_effort_proves_no_less(trained):
    model, X, y, *_ = trained
    X, y = X[:2], y[:2]
    found = [certified_radius(model, X, y, effort=n) for n in (0, 10, 80)]
    assert np.all(found[0] <= found[1]) and np.all(found[1] <= found[2] * 1.07)
    assert found[2].sum() > found[0].sum()
    assert_array_equal(found[1], certified_radius(model, X, y, effort=10))
    score = [
        certified_accuracy_score(model, X, y, radius=np.median(found[2]), effort=n)
        for n in (0, 10, 80)
    ]
    assert score == sorted(score)


def test_effort_is_the_same_wherever_radii_are_proven(trained):
    model, X, y, *_ = trained
    X, y = X[:1], y[:1]
    radius = {n: certified_radius(model, X, y, effort=n) for n in (0, 20)}
    assert np.all(radius[0] < radius[20])
    report = certification_report(model, X, y, attack=False, effort=20)
    assert_array_equal(report["certified_radius"], radius[20])
    bracket = robustness_bracket(model, X, y, random_state=0, effort=20)
    assert_array_equal(bracket[0], radius[20])
    for n, is_rejected in ((0, True), (20, False)):
        reject = CertifiedRejectClassifier(
            FrozenEstimator(model), radius=float(radius[20][0]), effort=n
        ).fit(X, y)
        assert_array_equal(reject.rejected(X), [is_rejected])


def test_what_is_settled_takes_the_limit_on_parts():
    network = random_network((6, 12, 12, 3), gain=2.0, random_state=1)
    X = np.random.default_rng(0).normal(size=(3, 6))
    decisions = decide(network, X)
    branching = Branching(decisions, 2)
    _, attacked = minimum_norm_attack(network, X, random_state=0)

    def ask(effort, factor):
        asked = []
        for i, target in enumerate(decisions.target):
            others = np.delete(np.arange(3), target)
            asked.append(branching.question(i, others, factor * attacked[i]))
        branching.settle(asked, effort=effort)
        return asked

    for question in ask(Effort(0), 0.9):
        assert question.status == "unknown" and question.n_parts == 0
    limited = ask(Effort(50), 0.9)
    assert all(question.n_parts <= 50 for question in limited)
    for question, other in zip(limited, ask(Effort(1000), 0.9), strict=True):
        assert question.status in ("unknown", other.status)
    for question in ask(Effort(200), 1.05):
        assert question.status != "verified"
    # The rounds are of 2, 2, 4 ... parts at most for each sample.
    assert max(question.n_parts for question in ask(Effort(), 0.9)) > 8
    for effort in (Effort(of_all=10), Effort(early=3, progress=1.0)):
        given_up = ask(effort, 0.9)
        assert all(question.n_parts <= 8 for question in given_up)
        assert any(question.status == "unknown" for question in given_up)


def test_where_no_flip_exists_the_radius_goes_far_out():
    # Class 0 wins everywhere: y_0 - y_1 = 1 + |x|, which no global constant sees.
    network = FeedForward([[[1.0], [-1.0]], [[1.0, 1.0], [0.0, 0.0]]], [[0, 0], [1, 0]])
    for x in (0.5, -3.0):
        assert certified_radius(network, [[x]])[0] >= 1e9
        assert certified_accuracy_score(network, [[x]], [0], radius=1e9) == 1.0
    assert_allclose(certified_radius(network, [[0.5]], method="pairwise"), 0.75)


class Stub:
    """Radii that are proven up to a limit, by sample; flips that lie there."""

    def __init__(self, limits, flips=None):
        self.limits, self.flips, self.asked = np.array(limits), flips, []
        decisions = SimpleNamespace(block=SimpleNamespace(is_late=False))
        self.margins = SimpleNamespace(decisions=decisions)

    def settle(self, rows, radii, known, effort):
        self.asked.append(radii.tolist())
        assert len(self.asked) < 200
        good = radii <= self.limits[rows]
        return [SimpleNamespace(status="verified" if g else "unknown") for g in good]

    def distances(self, questions):
        return np.full(len(questions), np.inf)


@pytest.mark.parametrize("limit", [1.5, 1000.0, 2.0**59])
def test_a_search_without_a_flip_rises_ever_faster_and_ends_at_the_limit(limit):
    stub = Stub([limit])
    nothing = np.array([np.inf])
    search = branch_radius._Search(stub, None, np.array([0]), np.array([1.0]), nothing)
    search.run(1, None)
    step = branch_radius.grid_radius(1.0 + branch_radius.grid_index(limit))
    assert search.proven[0] <= limit < step * (1.0 + 1e-12)
    # By doubled steps there and by halves back: twice the logarithm of the distance.
    distance = branch_radius.grid_index(limit) - branch_radius.grid_index(1.0)
    assert len(stub.asked) <= 2.0 * np.log2(distance + 2.0) + 4


def test_flips_are_as_far_as_they_moved():
    inputs = np.array([[1.0, 2.0], [5.0, 5.0]])
    decisions = SimpleNamespace(inputs=inputs, view=SimpleNamespace(shares=None))
    margins = SimpleNamespace(decisions=decisions, norm=2.0)
    points = [np.array([4.0, 6.0]), None]
    questions = [SimpleNamespace(sample=k, point=p) for k, p in enumerate(points)]
    found = branch_radius.BranchedRadii.distances(
        SimpleNamespace(margins=margins), questions
    )
    assert_allclose(found, [5.0, np.inf], rtol=1e-14)


def test_bounds_over_parts_are_of_the_target_less_the_other_class():
    network = random_network([2, 3, 4], random_state=0)
    X = np.random.default_rng(0).normal(size=(3, 2))
    decisions = decide(network, X)
    branching = Branching(decisions, 2.0)
    samples = np.array([2, 0])
    others = (decisions.target[samples] + 1) % 4
    parts = SimpleNamespace(
        samples=samples, others=others, radii=np.ones(2), signs=np.zeros((2, 3))
    )
    _, balls, rows, _ = branching._arguments(parts)
    expected = np.eye(4)[decisions.target[samples]] - np.eye(4)[others]
    assert_array_equal(rows[:, 0], expected)
    assert_array_equal(balls.centers, decisions.inputs[samples])
