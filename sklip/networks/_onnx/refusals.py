# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What to use in place of the ONNX operators that no network of layers can hold."""

__all__ = ["INSTEAD"]

_CONVOLUTIONS = "Conv ConvTranspose MaxPool AveragePool GlobalAveragePool GlobalMaxPool"
INSTEAD = {
    **dict.fromkeys(
        _CONVOLUTIONS.split(),
        " in a fully connected network; load the network as a torch module instead",
    ),
    **dict.fromkeys(
        ("Softmax", "LogSoftmax"),
        ", since it mixes all outputs; its decision is that of its input",
    ),
    **dict.fromkeys(
        ("ArgMax", "TopK", "ZipMap", "LabelEncoder"),
        ", since it gives labels; name the logits in front of it",
    ),
    **dict.fromkeys(
        ("Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal", "Where"),
        ", since it may jump, as torch's Softplus does at its threshold",
    ),
    "LinearClassifier": ", since it gives labels and their scores at once",
    **dict.fromkeys(
        ("TreeEnsembleClassifier", "TreeEnsembleRegressor", "TreeEnsemble"),
        ": trees jump and have no slope",
    ),
}
