# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Steps along semi-orthogonal matrices: tangent, direction, way back."""

import numpy as np
import pytest
import torch

from sklip.training._bounded.manifold import (
    move,
    polar_direction,
    polar_factor,
    tangent,
)

SHAPES = [(7, 4), (4, 7), (6, 6), (1, 5), (5, 1), (1, 1)]


def _pair(shape, seed=0):
    rng = np.random.default_rng(seed)
    weight = torch.tensor(polar_factor(rng.normal(size=shape)))
    return weight, torch.tensor(rng.normal(size=shape))


def _defect(weight):
    gram = (
        weight @ weight.T if weight.shape[0] <= weight.shape[1] else weight.T @ weight
    )
    return float((gram - torch.eye(len(gram), dtype=gram.dtype)).abs().max())


@pytest.mark.parametrize("shape", SHAPES)
def test_polar_factor_is_the_nearest_semi_orthogonal_matrix(shape):
    matrix = np.random.default_rng(1).normal(size=shape)
    factor = polar_factor(matrix)
    assert _defect(torch.tensor(factor)) < 1e-14
    nearest = np.linalg.norm(matrix - factor)
    for seed in range(20):
        other = polar_factor(matrix + 0.3 * _pair(shape, seed)[1].numpy())
        assert np.linalg.norm(matrix - other) >= nearest - 1e-12


@pytest.mark.parametrize("shape", SHAPES)
def test_tangent_is_the_orthogonal_projection(shape):
    weight, matrix = _pair(shape)
    part = tangent(weight, matrix)
    if shape[0] >= shape[1]:
        skew = weight.T @ part
    else:
        skew = part @ weight.T
    assert (skew + skew.T).abs().max() < 1e-14
    assert (tangent(weight, part) - part).abs().max() < 1e-14
    other = tangent(weight, _pair(shape, 3)[1])
    assert abs(float(((matrix - part) * other).sum())) < 1e-13


@pytest.mark.parametrize("shape", [(60, 20), (20, 60), (30, 20), (20, 30)])
def test_direction_has_like_singular_values_and_the_vectors_of_the_matrix(shape):
    matrix = _pair(shape)[1]
    for size in (1e-6, 1.0, 1e6):
        direction = polar_direction(size * matrix)
        values = torch.linalg.svdvals(direction)
        assert 0.18 < values.min() and values.max() < 1.87
        share = (
            direction * torch.tensor(polar_factor(matrix))
        ).sum() / direction.norm()
        assert share > 0.85 * min(shape) ** 0.5


def test_no_direction_where_the_gradient_has_died_out():
    assert not polar_direction(torch.zeros(3, 2)).any()
    dead = polar_direction(torch.full((3, 2), 1e-30))
    assert torch.isfinite(dead).all() and dead.norm() < 1e-6


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype, room", [(torch.float32, 2e-5), (torch.float64, 1e-9)])
def test_many_steps_stay_on_the_manifold(shape, dtype, room):
    weight, _ = _pair(shape)
    weight = weight.to(dtype)
    for seed in range(200):
        move(weight, _pair(shape, seed)[1].to(dtype), 0.02)
    for _ in range(5):
        move(weight, torch.zeros_like(weight), 1.0)
    assert _defect(weight) < room


def test_a_step_goes_downhill_and_is_cut():
    weight, matrix = _pair((6, 4))
    before = weight.clone()
    move(weight, matrix, 1e-4)
    change = (weight - before) / 1e-4
    assert (change + tangent(before, matrix)).abs().max() < 1e-3
    move(weight, matrix, 1e9)
    assert _defect(weight) < 0.3


def test_a_step_is_cut_where_it_is_said():
    """A turn of the plane: its Frobenius norm is sqrt(2) times the angle's tangent."""
    turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)
    for longest in (0.1, 0.2):
        weight = torch.eye(2, dtype=torch.float64)
        move(weight, turn, 1e3, longest)
        angle = torch.atan2(weight[0, 1], weight[0, 0])
        assert abs(float(torch.tan(angle)) - longest / 2.0**0.5) < 1e-9
