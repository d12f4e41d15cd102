#!/usr/bin/env bash
# ART's DeepZ certifies another network than the one whose forward calls functions.
#
# Expected: PytorchDeepZ(model=...) bounds the model it is given, or refuses what it cannot
#   read, as it does for modules other than Conv2d, Linear and ReLU.
# Instead: it collects the child modules that are called and puts them in a row. What
#   forward does itself (torch.relu, a residual sum, a division by 255) is left out without
#   a word. The same two layers with nn.ReLU() and with torch.relu() have the same outputs;
#   the second is taken for a linear network: its predictions are (.5, 0) instead of (0, 0),
#   and a box in which the class changes is certified.
# Seen with adversarial-robustness-toolbox 1.20.1 (which imports packaging without asking for
#   it), torch 2.14.1, numpy 2.4.6, Python 3.11,
#   on 2026-11-28.
# sklip: a forward of one's own is traced by torch.fx, every function and method call in it
#   is an operation, and what is not supported is refused with the line of the module.
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


class Network(nn.Module):
    def __init__(self, functional):
        super().__init__()
        self.first, self.relu, self.last = nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2)
        self.activation = torch.relu if functional else self.relu
        with torch.no_grad():
            self.first.weight.copy_(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]))
            self.first.bias.zero_()
            self.last.weight.copy_(torch.tensor([[-1.0, -1.0], [0.0, 0.0]]))
            self.last.bias.copy_(torch.tensor([0.5, 0.0]))

    def forward(self, x):
        return self.last(self.activation(self.first(x)))


row = np.array([[0.5, 0.5]], dtype=np.float32)
seen = {}
for functional in (False, True):
    network = Network(functional)
    verifier = PytorchDeepZ(
        network, loss=nn.CrossEntropyLoss(), input_shape=(2,), nb_classes=2, clip_values=(0, 1)
    )
    own = network(torch.from_numpy(row)).tolist()
    # Between .1 and .6 in the first feature; class 1 wins above .5.
    certified = verifier.certify(
        cent=np.array([[0.35, 0.5]], dtype=np.float32),
        eps=np.eye(2, dtype=np.float32) * 0.25,
        prediction=0,
    )
    verifier.model.set_forward_mode("concrete")
    seen[functional] = own, verifier.predict(row).tolist(), certified
    print(f"torch.relu {functional}: model {own}, verifier {seen[functional][1]}, {certified=}")
expected = {False: ([[0.0, 0.0]], [[0.0, 0.0]], False), True: ([[0.0, 0.0]], [[0.5, 0.0]], True)}
sys.exit(0 if seen == expected else 1)
PY
