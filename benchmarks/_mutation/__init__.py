# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Mutants of the sources, which tests run which line, and tests run on a mutant."""
