# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The first of the quasi-Newton steps."""

import numpy as np

from sklip.bounds._lipsdp.quasi_newton import _inverse_hessian


def test_the_first_step_is_along_the_gradient_and_nowhere_without_one():
    gradient = np.array([3.0, -6.0])
    np.testing.assert_allclose(_inverse_hessian(gradient, []), [0.15, -0.3])
    zero = _inverse_hessian(np.zeros(2), [])
    np.testing.assert_array_equal(zero, np.zeros(2))
