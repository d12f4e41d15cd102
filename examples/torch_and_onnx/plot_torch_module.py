# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""
Certify a torch module
======================

Any ``torch.nn.Module`` in eval mode goes where a fitted model goes: radii, attacks,
curves and verification read its layers, here a small convolutional network with a
residual block and a ``forward`` of its own, trained on scikit-learn's digits.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn import functional as F

from sklip import (
    CertifiedAccuracyDisplay,
    certified_radius,
    lipschitz_bound,
    minimum_norm_attack,
)


class Network(nn.Module):
    """Two convolutions, the second beside a shortcut, and a linear layer."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 8, 3, stride=2, padding=1)
        self.second = nn.Conv2d(8, 8, 3, padding=1)
        self.last = nn.Linear(128, 10)

    def forward(self, x):
        """Logits of the ten digits."""
        x = F.relu(self.first(x))
        x = x + F.relu(self.second(x))
        return self.last(x.flatten(1))


X, y = load_digits(return_X_y=True)
X = (X / 16).reshape(-1, 1, 8, 8)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

# %%
# An ordinary training loop. The radius is proven for what the module computes in its
# own type; convolutions in float32 may be computed by algorithms whose rounding is not
# known, so the network is converted to float64 when it is trained.
torch.manual_seed(0)
network = Network()
optimizer = torch.optim.Adam(network.parameters(), 3e-3, weight_decay=1e-3)
images, labels = torch.as_tensor(X_train).float(), torch.as_tensor(y_train)
for _ in range(20):
    for rows in torch.randperm(len(images)).split(50):
        loss = F.cross_entropy(network(images[rows]), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
network = network.eval().double()
predicted = network(torch.as_tensor(X_test)).argmax(1).numpy()
print(f"accuracy {np.mean(predicted == y_test):.3f}")

# %%
# The product of all layers' norms bounds the whole network, but it pays for slopes that
# occur nowhere near an image. Linear bounds inside the ball reach much farther. An
# attack shows how much is left.
print(lipschitz_bound(network))
some = X_test[:12]
for method in ("product", "local", "crown"):
    radius = certified_radius(network, some, method=method)
    print(f"{method:8s} mean radius {radius.mean():.3f}")
flips, distance = minimum_norm_attack(network, some, random_state=0)
print(f"attack   mean distance {distance.mean():.3f}")

# %%
# One image, and the nearest that the network takes for another digit.
before, after = (
    network(torch.as_tensor(rows[:1])).argmax().item() for rows in (some, flips)
)
_, axes = plt.subplots(1, 2, figsize=(5, 2.6), layout="constrained")
for ax, image, digit in zip(axes, (some[0], flips[0]), (before, after), strict=True):
    ax.imshow(image[0], cmap="gray_r", vmin=0, vmax=1)
    ax.set(title=f"taken for {digit}", xticks=[], yticks=[])
plt.show()

# %%
# The share of images that are right and provably stay so, and what an attack leaves.
_, ax = plt.subplots(figsize=(6, 4), layout="constrained")
CertifiedAccuracyDisplay.from_estimator(
    network, X_test[:40], y_test[:40], radii=np.linspace(0, 0.5, 6), ax=ax
)
plt.show()
