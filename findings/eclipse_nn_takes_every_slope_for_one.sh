#!/usr/bin/env bash
# eclipse-nn takes the slopes of every activation for [0, 1].
#
# Expected: LipConstEstimator(model=...) bounds the Lipschitz constant of the torch model it
#   is given, or refuses activations whose slopes it does not know.
# Instead: what is not a Sigmoid gets the slopes 0 to 1, whatever it is. For
#   Linear(1, 1), activation, Linear(1, 1) with unit weights both methods return 1.0, where
#   GELU reaches 1.1289, SiLU 1.0998, Mish 1.0885 and LeakyReLU(2) reaches 2.
# Seen with eclipse-nn 0.1.7, torch 2.14.1, numpy 2.4.6, cvxpy 1.9.3, Python 3.11, on
#   2026-11-28.
# sklip: every activation of the registry has its own sector (GELU's is [-.129, 1.129]); an
#   unknown one is refused by its full name.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install eclipse-nn==0.1.7 torch==2.14.1 numpy==2.4.6 cvxpy==1.9.3
"$folder/venv/bin/python" - <<'PY'
import sys

import torch
from eclipse_nn import LipConstEstimator
from torch import nn

grid = torch.linspace(-4, 4, 8001, dtype=torch.float64)[:, None]


def claimed_and_reached(activation):
    network = nn.Sequential(nn.Linear(1, 1), activation, nn.Linear(1, 1)).double()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.fill_(0.0 if name.endswith("bias") else 1.0)
        values = network(grid)
    reached = (values.diff(dim=0) / grid.diff(dim=0)).abs().max().item()
    estimator = LipConstEstimator(model=network)
    return max(float(estimator.estimate(m)) for m in ("ECLipsE", "ECLipsE_Fast")), reached


sound = {}
for activation in (nn.Tanh(), nn.GELU(), nn.SiLU(), nn.Mish(), nn.LeakyReLU(2.0)):
    claimed, reached = claimed_and_reached(activation)
    sound[type(activation).__name__] = claimed >= reached - 1e-6
    print(f"{activation}: claimed {claimed:.4f}, reached {reached:.4f}")
sys.exit(0 if [name for name, holds in sound.items() if holds] == ["Tanh"] else 1)
PY
