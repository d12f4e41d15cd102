# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The l1 ball: projections in closed form and against their optimality conditions."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklip.certification._attacks.balls import Ball
from sklip.certification._attacks.pgd import _loss_slopes


def l1_ball(radius):
    return Ball(1.0, np.array([[radius]]))


@pytest.mark.parametrize(
    "delta, radius, expected",
    [
        ([3.0, -1.0], 2.0, [2.0, 0.0]),
        ([3.0, -2.0], 3.0, [2.0, -1.0]),
        ([3.0, -2.0, 1.0], 6.0, [3.0, -2.0, 1.0]),
        ([4.0, 4.0, -4.0], 3.0, [1.0, 1.0, -1.0]),
        ([0.5, -0.25], 7.0, [0.5, -0.25]),
        ([5.0, 1.0, 1.0], 1.0, [1.0, 0.0, 0.0]),
    ],
)
def test_projections_in_closed_form(delta, radius, expected):
    assert_allclose(l1_ball(radius).project(np.array([delta])), [expected])


def test_a_projection_takes_the_same_off_all_that_is_left():
    """Soft thresholding: on the sphere, and what is dropped was no larger."""
    rng = np.random.default_rng(0)
    for delta in rng.normal(size=(50, 6)):
        found = l1_ball(1.0).project(delta[None])[0]
        assert np.abs(found).sum() == pytest.approx(min(1.0, np.abs(delta).sum()))
        cut, left = np.abs(delta) - np.abs(found), found != 0.0
        assert np.ptp(cut[left]) < 1e-12
        assert np.all(np.abs(delta)[~left] <= cut[left].max() + 1e-12)
        assert np.all(found * delta >= 0.0)


def test_the_first_start_goes_for_the_runner_up_of_the_moment():
    clean = np.array([[3.0, 2.0, 1.0, 0.0]])
    there = np.array([[3.0, 0.0, 1.0, 2.0]])
    rows = np.array([0])
    slopes = [_loss_slopes(clean, rows, k)(there, rows)[0] for k in range(4)]
    assert slopes[0].tolist() == [-1.0, 0.0, 0.0, 1.0]
    # The second one is the gradient of cross-entropy, in units of the clean margin.
    assert slopes[1].sum() == pytest.approx(0.0) and (slopes[1][1:] > 0.0).all()
    assert slopes[2].tolist() == [-1.0, 1.0, 0.0, 0.0]
    assert slopes[3].tolist() == [-1.0, 0.0, 1.0, 0.0]


@pytest.mark.parametrize("n, kept", [(3, 1), (40, 2)])
def test_the_steepest_l1_step_goes_along_the_largest_slopes(n, kept):
    gradient = np.random.default_rng(n).normal(size=(5, n))
    step = l1_ball(2.0).steepest(gradient)
    assert_allclose(np.abs(step).sum(axis=1), 1.0)
    largest = np.argsort(np.abs(gradient), axis=1)[:, -kept:]
    for row, some, own in zip(step, largest, gradient, strict=True):
        assert set(np.flatnonzero(row)) == set(some)
        assert_allclose(row[some], np.sign(own[some]) / kept)
