# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What docstrings say of the methods comes from the one table of them."""

import re

import pytest

from sklip.bounds import METHODS, lipschitz_bound, output_difference_bounds
from sklip.certification import certified_radius


@pytest.mark.parametrize(
    "function, says, kinds",
    [
        (lipschitz_bound, "says", ["bound"]),
        (output_difference_bounds, "says_of_pairs", ["pairs"]),
        (certified_radius, "says_of_pairs", ["pairs", "in_balls"]),
    ],
)
def test_every_method_is_named_and_described_once(function, says, kinds):
    entry = re.search(r"^ *method : .*?(?=^ *\w+ : )", function.__doc__, re.M | re.S)
    options, *text = entry.group().split("\n")
    text = " ".join(" ".join(text).split())
    known = [m for m in METHODS.values() if any(getattr(m, kind) for kind in kinds)]
    named = re.findall(r'"([\w-]+)"', options.split("}")[0])
    assert named == [*(method.name for method in known), "auto", "best"]
    for method in known:
        only = "" if 1.0 in method.norms else ", norm 2"
        assert f'"{method.name}"{only}: {getattr(method, says)}.' in text


def test_every_method_is_described():
    for method in METHODS.values():
        assert bool(method.bound) == bool(method.says)
        assert bool(method.pairs or method.in_balls) == bool(method.says_of_pairs)
