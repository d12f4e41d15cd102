# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Data of the papers: readers and small problems."""

from sklip.datasets._mnist import load_mnist
from sklip.datasets._noise import add_gaussian_noise
from sklip.datasets._pauli import load_paper_toy

__all__ = ["add_gaussian_noise", "load_mnist", "load_paper_toy"]
