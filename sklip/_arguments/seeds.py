# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Checks of random_state, and the generators made of it."""

from numbers import Integral

import numpy as np

from sklip._arguments.scalars import is_bool, shown
from sklip.exceptions import InvalidArgumentError

__all__ = ["as_generator", "as_random_state", "check_random", "check_seed"]

_LARGEST_SEED = 2**32 - 1


def check_seed(random_state, name="random_state"):
    """None or an integer that seeds a generator, else TypeError or ValueError."""
    if random_state is None:
        return None
    if not isinstance(random_state, Integral) or is_bool(random_state):
        raise InvalidArgumentError(
            f"{name} must be an integer or None, got {shown(random_state)}."
        )
    if not 0 <= random_state <= _LARGEST_SEED:
        raise ValueError(
            f"{name} must lie between 0 and {_LARGEST_SEED}, got {shown(random_state)}."
        )
    return int(random_state)


def check_random(random_state):
    """The same seed, RandomState or Generator; nothing is drawn from it."""
    if isinstance(random_state, np.random.RandomState | np.random.Generator):
        return random_state
    return check_seed(random_state)


def as_generator(random_state):
    """A generator of its own: the global ones are neither read nor moved."""
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**31 - 1))
    if random_state is None or isinstance(random_state, Integral):
        return np.random.default_rng(check_seed(random_state))
    raise ValueError(
        "random_state must be None, an integer, a numpy RandomState or Generator, "
        f"got {shown(random_state)}."
    )


def as_random_state(random_state):
    """The RandomState that scikit-learn makes of None, an integer or a RandomState."""
    from sklearn.utils import check_random_state

    if isinstance(random_state, np.random.RandomState):
        return random_state
    return check_random_state(check_seed(random_state))
