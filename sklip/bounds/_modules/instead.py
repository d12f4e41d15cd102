# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What to use in place of layers and functions that have no bound."""

__all__ = ["way_out"]

_SPREAD = (
    " It divides by the spread or length of a sample's own entries, so that its slope "
    "has no bound of use: BatchNorm in eval mode has."
)
_SOFTMAX = (
    " The largest output is the largest before it, too: pass the module without it."
)
_PRODUCT = (
    " It multiplies functions of the input: attacks and lower bounds take it, proofs "
    "do not."
)
_WAYS = {
    ("LayerNorm", "GroupNorm", "RMSNorm", "LocalResponseNorm"): _SPREAD,
    ("InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"): _SPREAD,
    ("layer_norm", "group_norm", "rms_norm", "instance_norm", "normalize"): _SPREAD,
    ("Softmax", "LogSoftmax", "softmax", "log_softmax"): _SOFTMAX,
    ("MultiheadAttention", "LSTM", "GRU", "RNN", "Bilinear"): _PRODUCT,
    ("scaled_dot_product_attention", "glu", "bilinear", "GLU"): _PRODUCT,
}


def way_out(name):
    """A sentence with a space in front, or nothing.

    Parameters
    ----------
    name : str
        Of a class or function, without its place.
    """
    return next((way for names, way in _WAYS.items() if name in names), "")
