#!/usr/bin/env bash
# ART's DeepZ passes a ReLU neuron on unchanged where its largest value is exactly zero.
#
# Expected: a neuron that is at most 0 on the whole box is 0 behind the ReLU.
# Instead: it is set to 0 where its upper bound is below 0, and taken apart where the bounds
#   have different signs; an upper bound of exactly 0 is neither, and the negative values go
#   on. With clip_values=(0, 1) this is common: a pixel of 0, a weight below 0, no bias. The
#   network .5 - relu(x) - relu(-x) against 0 is certified for class 0 on [0, .6], where
#   class 1 wins from .5 on; on [.01, .6] it is not certified.
# Seen with adversarial-robustness-toolbox 1.20.1 (which imports packaging without asking for
#   it), torch 2.14.1, numpy 2.4.6, Python 3.11,
#   on 2026-11-28.
# sklip: both lines of a neuron hold for any slope, so no case can be forgotten; a test
#   compares the bounds with the exact values where a neuron's range ends at 0.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install adversarial-robustness-toolbox==1.20.1 torch==2.14.1 numpy==2.4.6 packaging==26.0
"$folder/venv/bin/python" - <<'PY'
import sys
import warnings

warnings.simplefilter("ignore")
import numpy as np
import torch
from art.estimators.certification.deep_z import PytorchDeepZ
from torch import nn

network = nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 2))
with torch.no_grad():
    network[0].weight.copy_(torch.tensor([[1.0], [-1.0]]))
    network[0].bias.zero_()
    network[2].weight.copy_(torch.tensor([[-1.0, -1.0], [0.0, 0.0]]))
    network[2].bias.copy_(torch.tensor([0.5, 0.0]))
verifier = PytorchDeepZ(
    network, loss=nn.CrossEntropyLoss(), input_shape=(1,), nb_classes=2, clip_values=(0, 1)
)
outcome = {}
for low in (0.0, 0.01):
    centre = np.array([[(low + 0.6) / 2]], dtype=np.float32)
    half = np.array([[(0.6 - low) / 2]], dtype=np.float32)
    certified = verifier.certify(cent=centre, eps=half, prediction=0)
    rows = torch.linspace(low, 0.6, 61)[:, None]
    outcome[low] = certified, sorted(set(network(rows).argmax(dim=1).tolist()))
    print(f"[{low}, .6]: certified {certified}, classes of points in it {outcome[low][1]}")
sys.exit(0 if outcome == {0.0: (True, [0, 1]), 0.01: (False, [0, 1])} else 1)
PY
