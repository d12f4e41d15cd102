# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Activations: value, derivative and proven slope sector of each."""

from sklip.networks._activations.activation import Activation, Pieces
from sklip.networks._activations.registry import (
    activation_names,
    get_activation,
    list_activations,
)

__all__ = [
    "Activation",
    "Pieces",
    "activation_names",
    "get_activation",
    "list_activations",
]
