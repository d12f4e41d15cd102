#!/usr/bin/env bash
# The constant asked of deel-torchlip's Sequential does not reach its linear layers.
#
# Expected: torchlip.Sequential(..., k_coef_lip=27) around three SpectralLinear layers and
#   ReLU gives each of them the norm 3, so that the network can use the constant of 27.
# Instead: a layer multiplies its weight by its factor when it is built, which is before
#   Sequential hands the factor out. The weights keep the norm 1: with k_coef_lip=1 and 27
#   the outputs are equal. Only activations and pooling, which read the factor in forward,
#   apply it (FullSort scales its input), so how much of the constant can be used depends on
#   the kinds of the layers.
# Seen with deel-torchlip 1.0.5, torch 2.14.1, numpy 2.4.6, Python 3.11, on 2026-11-28.
# sklip: comparisons leave k_coef_lip at 1 and compute the norm of the exported weights.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install deel-torchlip==1.0.5 torch==2.14.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import sys
import warnings

import torch
from deel import torchlip
from torch import nn

warnings.simplefilter("ignore")  # "contains a layer which is not a Lipschitz layer: ReLU"


def network(constant, activation):
    torch.manual_seed(0)
    layers = [torchlip.SpectralLinear(5, 8), activation(), torchlip.SpectralLinear(8, 8)]
    layers += [activation(), torchlip.SpectralLinear(8, 8)]
    return torchlip.Sequential(*layers, k_coef_lip=constant)


rows = torch.randn(16, 5, generator=torch.Generator().manual_seed(0))
difference = {}
for activation in (nn.ReLU, torchlip.FullSort):
    one, asked = network(1.0, activation), network(27.0, activation)
    norms = []
    for model in (one, asked):
        for _ in range(30):  # the power iteration moves in training mode only
            model.train()(rows)
        model.eval()
        norms.append([round(torch.linalg.matrix_norm(model[i].weight, 2).item(), 4) for i in (0, 2, 4)])
    difference[activation.__name__] = (one(rows) - asked(rows)).abs().max().item()
    print(activation.__name__, "norms for 1 and 27:", *norms)
    print(activation.__name__, "outputs differ by", round(difference[activation.__name__], 4))
    if norms != [[1.0] * 3] * 2:
        sys.exit(1)
sys.exit(0 if difference["ReLU"] == 0.0 and difference["FullSort"] > 0.1 else 1)
PY
