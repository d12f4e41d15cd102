#!/usr/bin/env bash
# orthogonium's get_conv_sv falls below the norm of a convolution with groups.
#
# Expected: get_conv_sv(layer, ...) computes the Lipschitz constant of a convolution; groups
#   read and write channels of their own, so that the largest of theirs is the layer's.
# Instead: with agg_groups=True, the default, the constants of the groups are multiplied.
#   Kernels of one pixel with weight 0.5 have the constant 0.5 and get 0.5 ** groups: 0.0625
#   for four. With agg_groups=False each group's value is right.
# Seen with orthogonium 0.0.4, torch 2.14.1, numpy 2.4.6, Python 3.11, on 2026-11-29.
# sklip: bounds of convolutions with groups are the largest of the groups' (a test compares
#   them with the unrolled matrix); constants that a layer tells of itself are not read.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install orthogonium==0.0.4 torch==2.14.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import sys

import torch
from orthogonium.layers.conv.singular_values import get_conv_sv
from torch import nn

below = []
for groups in (1, 2, 4):
    layer = nn.Conv2d(groups, groups, 1, groups=groups, bias=False)
    nn.init.constant_(layer.weight, 0.5)
    image = torch.zeros(1, groups, 4, 4)
    image[0, 0, 1, 1] = 1.0
    with torch.no_grad():
        reached = layer(image).norm().item()
    options = {"n_iter": 3, "return_stab_rank": False}
    claimed = get_conv_sv(layer, **options).item()
    if groups == 1:
        each = [claimed]
    else:
        each = [v.item() for v in get_conv_sv(layer, agg_groups=False, **options)]
    print(f"{groups} groups: claimed {claimed:.4f}, each {max(each):.4f}, reached {reached:.4f}")
    below.append(claimed < reached - 1e-6 and max(each) >= reached - 1e-6)
sys.exit(0 if below == [False, True, True] else 1)
PY
