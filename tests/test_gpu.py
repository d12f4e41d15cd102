# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Fits, bounds and certificates on a GPU, against the CPU (``gpu_checks.py``)."""

import runpy
from pathlib import Path

import pytest
import torch

CHECKS = runpy.run_path(str(Path(__file__).with_name("gpu_checks.py")))["CHECKS"]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU")
@pytest.mark.parametrize("name", CHECKS)
def test_on_the_gpu(name):
    CHECKS[name]("cuda")


@pytest.mark.slow
@pytest.mark.parametrize("name", CHECKS)
def test_the_check_itself(name):
    """What does not hold on the CPU cannot be asked of a GPU."""
    CHECKS[name]("cpu")
