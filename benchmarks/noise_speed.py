# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Time of an epoch with and without the noise term, beside a plain torch loop.

    python benchmarks/noise_speed.py --repeats 2 --only mlp cnn resnet20 \\
        --output benchmarks/noise_speed.csv

The loop draws the same batches from tensors in memory, computes the same loss through
autograd (clean and noisy samples in one pass) and takes fused Adam steps; nothing else.
Every figure is the median over the repeats of a ratio of CPU times taken side by side.
``pipeline`` is the share of our epoch that goes into ordering and gathering batches.
"""

import statistics
import time
import warnings

import numpy as np
import torch
from _harness import Table, parse

from sklip import NoiseLipschitzClassifier
from sklip.training import (
    BatchIterator,
    FlatMLP,
    TensorData,
    build_module,
    sequential_module,
)

CASES = [
    ("mlp", (64,), 1797, (100,), 200, torch.float64),
    ("mlp", (30,), 20_000, (64, 64), 200, torch.float64),
    ("mlp", (784,), 10_000, (100,), 100, torch.float32),
    ("cnn", (1, 28, 28), 4000, (128,), 100, torch.float32),
    ("resnet20", (3, 32, 32), 256, (), 128, torch.float32),
    ("preresnet20", (3, 32, 32), 256, (), 128, torch.float32),
]
STD, WEIGHT, TARGET = 0.25, 10.0, 0.01
COLUMNS = ["network", "input", "n_samples", "batch_size", "dtype", "noise"]
COLUMNS += ["ratio", "ms_per_epoch", "pipeline"]


def plain_loop(module, X, y, batch_size, epochs, noise):
    """Seconds of CPU of the loop that one would write by hand."""
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3, fused=True)
    module.train()
    start = time.process_time()
    for _ in range(epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            batch, labels = X[rows], y[rows]
            optimizer.zero_grad()
            if noise:
                delta = STD * torch.randn_like(batch)
                clean, noisy = module(torch.cat([batch, batch + delta])).chunk(2)
                ratio = (noisy - clean).norm(dim=1) / delta.flatten(1).norm(dim=1)
                term = WEIGHT * (ratio - TARGET).clamp(min=0).mean()
                loss = torch.nn.functional.cross_entropy(clean, labels) + term
            else:
                loss = torch.nn.functional.cross_entropy(module(batch), labels)
            loss.backward()
            optimizer.step()
    return time.process_time() - start


def our_fit(model, X, y, epochs):
    """Seconds of CPU of the epochs of a fit, without validation and setting up."""
    model.set_params(max_iter=epochs)
    times = []
    for n in (1, 1 + epochs):
        start = time.process_time()
        model.set_params(max_iter=n).fit(X, y)
        times.append(time.process_time() - start)
    return times[1] - times[0]


def pipeline(X, targets, batch_size, epochs):
    """Seconds of CPU for the batches alone."""
    data = TensorData(X, targets)
    iterator = BatchIterator(data, batch_size, shuffle=True)
    start = time.process_time()
    for _ in range(epochs):
        for _ in iterator:
            pass
    return time.process_time() - start


def measure(case, noise, repeats, epochs):
    """Ratio, milliseconds and share of one row."""
    network, shape, n, hidden, batch_size, dtype = case
    generator = torch.Generator().manual_seed(0)
    X = torch.rand(n, *shape, generator=generator).to(dtype)
    y = torch.randint(10, (n,), generator=generator)
    targets = torch.nn.functional.one_hot(y, 10).to(dtype)
    epochs = epochs or max(1, 20_000 // n if network == "mlp" else 1)
    model = NoiseLipschitzClassifier(
        hidden or (100,),
        module=None if network == "mlp" else network,
        lipschitz_weight=WEIGHT if noise else 0,
        alpha=0.0,
        batch_size=batch_size,
        tol=0,
        n_iter_no_change=10**6,
        certificate=None,
        random_state=0,
    )
    ratios, seconds, shares = [], [], []
    for _ in range(repeats + 1):
        if network == "mlp":
            flat = FlatMLP((shape[0], *hidden, 10), generator=generator)
            module = sequential_module(flat.to_feedforward()).to(dtype)
        else:
            module = build_module(
                network,
                seed=0,
                input_shape=shape,
                n_outputs=10,
                hidden_layer_sizes=hidden,
                activation="relu",
            )
        ours = our_fit(model, X.numpy(), y.numpy(), epochs)
        plain = plain_loop(module, X, y, batch_size, epochs, noise)
        ratios.append(ours / plain)
        seconds.append(ours / epochs)
        shares.append(pipeline(X, targets, batch_size, epochs) / ours)
    # The first round warms up.
    return [
        f"{statistics.median(ratios[1:]):.2f}",
        f"{1e3 * statistics.median(seconds[1:]):.1f}",
        f"{100 * statistics.median(shares[1:]):.1f} %",
    ]


def main():
    """Measure all cases."""
    options = parse(
        __doc__,
        repeats=5,
        epochs={"type": int},
        only={"nargs": "+", "help": "networks to measure"},
    )
    torch.set_num_threads(1)
    np.random.seed(0)
    warnings.simplefilter("ignore")
    table = Table(options.output, COLUMNS)
    for case in CASES:
        network, shape, n, _, batch_size, dtype = case
        if options.only and network not in options.only:
            continue
        size = "x".join(map(str, shape))
        kind = str(dtype).removeprefix("torch.")
        for noise in (False, True):
            key = (network, size, n, batch_size, kind, "yes" if noise else "no")
            arguments = case, noise, options.repeats, options.epochs
            table.fill(key, lambda a=arguments: measure(*a))


if __name__ == "__main__":
    main()
