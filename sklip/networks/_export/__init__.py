# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Fitted models, written as ONNX graphs."""

# The modules register their converters.
from sklip.networks._export import branches, encoders, maps
from sklip.networks._export.to_onnx import to_onnx

__all__ = ["branches", "encoders", "maps", "to_onnx"]
