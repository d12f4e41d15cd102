# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Networks side by side: what was folded into a layer that is the last no longer."""

import numpy as np
import pytest

from sklip.exceptions import UnsupportedModelError
from sklip.networks import FeedForward
from sklip.networks._folding import FoldRounding
from sklip.networks._reading.parallel import with_sigmoid


@pytest.mark.parametrize("kept", [1.0, 2.0**-7, 3.0 * 2.0**20])
def test_terms_that_cancelled_count_as_more_roundings_of_what_is_left(kept):
    """The last layer was ``kept + 5 kept - 5 kept``: eleven times what is left."""
    network = FeedForward([np.eye(1), [[kept]]])
    rounding = FoldRounding.of(network).mixed([[1.0]], 0.0, 3)
    folded = FoldRounding(
        rounding.first, rounding.first_bias, 11.0 * rounding.last_size, np.zeros(1),
        is_single=False, n_last=3,
    )  # fmt: skip
    _, found = with_sigmoid(network, folded)
    # Of each of the 1 + 8 + 3 terms: 12 * 11.
    assert found.n_hidden == 132
    assert found.last_size.tolist() == [[1.0]] and found.n_last == 16 + 3


def test_nothing_left_beside_the_rounding_is_refused():
    network = FeedForward([np.eye(1), [[2.0**-60]]])
    rounding = FoldRounding.of(FeedForward([np.eye(1), [[1.0]]]))
    with pytest.raises(UnsupportedModelError, match="cancel"):
        with_sigmoid(network, rounding)
