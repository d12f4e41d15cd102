#!/usr/bin/env bash
# orthogonium's HouseHolder activations shrink every distance by the square root of two.
#
# Expected: HouseHolder and HouseHolder_Order_2, made for networks that keep the norm of
#   gradients, keep it: each piece of the map is the identity, a rotation or a reflection.
# Instead: their outputs are divided by sqrt(2), "to be 1-Lipschitz" as the docstring says,
#   which the maps without the factor are already: all singular values of the Jacobian are
#   0.7071, at every point. Each such activation costs a certified radius, which counts on a
#   constant of 1 a layer, 29 percent. MaxMin has 1.0 on the same points.
# Seen with orthogonium 0.0.4, torch 2.14.1, numpy 2.4.6, Python 3.11, on 2026-11-29.
# sklip: orthogonium's networks in benchmarks/bounded.py have MaxMin, not HouseHolder, so that
#   the comparison is fair to them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install orthogonium==0.0.4 torch==2.14.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import sys

import torch
from orthogonium.layers import HouseHolder, HouseHolder_Order_2, MaxMin

torch.manual_seed(0)
points = torch.randn(200, 1, 4, 1, 1, dtype=torch.float64)


def singular_values(activation):
    jacobians = [
        torch.autograd.functional.jacobian(activation, point).reshape(4, 4)
        for point in points
    ]
    values = torch.linalg.svdvals(torch.stack(jacobians))
    return values.min().item(), values.max().item()


seen = {}
for activation in (HouseHolder(4), HouseHolder_Order_2(4), MaxMin()):
    name = type(activation).__name__
    seen[name] = singular_values(activation.double())
    print(f"{name}: singular values from {seen[name][0]:.4f} to {seen[name][1]:.4f}")


def all_are(name, value):
    return max(abs(end - value) for end in seen[name]) < 1e-6


holds = all_are("MaxMin", 1.0)
holds &= all(all_are(name, 0.5**0.5) for name in ("HouseHolder", "HouseHolder_Order_2"))
sys.exit(0 if holds else 1)
PY
