#!/usr/bin/env bash
# deel-torchlip's convolutions are not 1-Lipschitz when the border is reflected.
#
# Expected: SpectralConv2d and FrobeniusConv2d, which say that they ensure a 1-Lipschitz
#   layer and list "reflect" among their padding modes, have a Jacobian of norm <= 1.
# Instead: the normalisation divides by a bound of the kernel, and pixels next to a
#   reflected border are read twice. With a constant kernel the norm is 1.11 on 4 x 4
#   pixels and 1.059 on 8 x 8 ones. Zeros, circular and replicated borders stay below 1.
# Seen with deel-torchlip 1.0.5, torch 2.14.1, numpy 2.4.6, Python 3.11, on 2026-11-28.
# sklip: bounds of convolutions count how often a pixel is read behind its padding; no layer
#   is believed to be 1-Lipschitz by its name.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install deel-torchlip==1.0.5 torch==2.14.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import sys

import torch
from deel import torchlip


def norm(layer_type, border, pixels):
    layer = layer_type(1, 2, 3, padding=1, padding_mode=border)
    with torch.no_grad():
        layer.parametrizations.weight.original.fill_(1.0)
    image = torch.zeros(1, 1, pixels, pixels)
    for _ in range(20):  # the power iteration moves in training mode only
        layer.train()(image)
    jacobian = torch.autograd.functional.jacobian(layer.eval(), image)
    return torch.linalg.matrix_norm(jacobian.reshape(-1, pixels**2), 2).item()


torch.manual_seed(0)
exceeding = set()
for layer_type in (torchlip.SpectralConv2d, torchlip.FrobeniusConv2d):
    for border in ("zeros", "circular", "replicate", "reflect"):
        norms = [norm(layer_type, border, pixels) for pixels in (4, 8)]
        print(layer_type.__name__, border, [round(value, 4) for value in norms])
        if max(norms) > 1.001:
            exceeding.add((layer_type.__name__, border))
sys.exit(0 if exceeding == {("SpectralConv2d", "reflect"), ("FrobeniusConv2d", "reflect")} else 1)
PY
