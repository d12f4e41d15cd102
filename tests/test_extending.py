# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The examples of the pages about what can be added, and the penalty shown there."""

import doctest
import re
import textwrap

import pytest
import torch

from sklip.training import FlatMLP
from sklip.training._penalties import Penalty


@pytest.mark.parametrize("page", ["adding_bounds", "adding_steps"])
def test_examples_run(repository, page):
    path = repository / "docs" / f"{page}.rst"
    outcome = doctest.testfile(str(path), module_relative=False)
    assert outcome.attempted > 5 and outcome.failed == 0


def test_the_penalty_shown_is_one(repository):
    text = (repository / "docs" / "adding_steps.rst").read_text(encoding="utf-8")
    source = re.search(r"    class FrobeniusPenalty.*?(?=\n\n\S)", text, re.DOTALL)
    names = {"Penalty": Penalty}
    exec(textwrap.dedent(source.group()), names)
    generator = torch.Generator().manual_seed(0)
    module = FlatMLP((3, 4, 2), "tanh", generator=generator)
    with torch.no_grad():
        penalty = names["FrobeniusPenalty"](module, 0.5)
        value = penalty.add_exact_gradient(None)
        step = 1e-6 * module.flat_grad
        module.flat += step
        change = penalty.value(None) - value
    assert change == pytest.approx(float(step @ module.flat_grad), rel=1e-4)
