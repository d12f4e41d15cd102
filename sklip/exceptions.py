# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Errors and warnings of sklip."""

__all__ = [
    "CertificationWarning",
    "DivergedTrainingError",
    "InfeasibleCertificateError",
    "InvalidArgumentError",
    "UnsupportedModelError",
]


class InvalidArgumentError(ValueError, TypeError):
    """An argument of the wrong type; whichever of the two is caught, it is caught."""


class UnsupportedModelError(TypeError):
    """A model, module, transformer or layer for which no bound is proven."""


class InfeasibleCertificateError(ValueError):
    """No multipliers prove the bound that was asked for."""


class DivergedTrainingError(ArithmeticError):
    """The loss or the weights stopped being finite during training."""


class CertificationWarning(UserWarning):
    """A cheaper bound than the one asked for was returned."""
