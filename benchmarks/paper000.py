# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The experiments of paper 000: Figs 2a-c, 3 and 4, Tables 1, 2 and 3.

    python benchmarks/paper000.py --data mnist.npz --output benchmarks/paper000.csv

What is in the CSV already is not computed again; trained weights are kept in --cache,
so that a new quantity needs no new training. Without --data only Figs 2a-c are made.

The paper leaves out nearly every setting; ours: pixels in [0, 1], cross-entropy, plain
SGD (no momentum), step size .1, batches of 50, 40 epochs on 18000 images of a fixed
shuffle of MNIST's training set (2000 more give Fig. 4's accuracies), Xavier-normal
start with gain alpha, weight decay lambda/2 * ||W||^2 on the weights only; n = 784 and
m = 10 in Fig. 2, with normal inputs. "L" is the sequential bound (proven); certified
accuracy is proven by the sequential bound of each pair of logits on all 10000 test
images, attacked accuracy is PGD's (20 steps, 5 starts) on the first 1000; IBP sees
these too, CROWN the first 200, on nets of width 128.
"""

import functools
import itertools
import warnings
from pathlib import Path

import numpy as np
import torch
from _harness import parse
from _paper000_tables import (
    FIG4,
    RADII,
    RUNS,
    Results,
    fig2_settings,
    print_all,
    run_name,
)

from sklip import (
    FeedForward,
    LipschitzRegularizedMLPClassifier,
    adversarial_accuracy_score,
    certified_radius,
    expected_lipschitz,
    jacobian_diagnostic,
    lipschitz_bound,
    margins,
    measured_gain,
)
from sklip.bounds import local_lipschitz_bound
from sklip.datasets import load_mnist
from sklip.networks import random_network
from sklip.training import LipschitzHistory

torch.set_num_threads(1)
warnings.filterwarnings("ignore", category=UserWarning)

N, M_OUT = 784, 10
N_POINTS = 20
N_ATTACKED = 1000
# Radius of the ball of the propagated bound in Fig. 2; the inputs have length 28.
LOCAL_RADIUS = 0.01
# Width up to which linear bounds are propagated for the tables.
CROWN_UP_TO = 128


def fig2_estimates(sizes, gain):
    """The three formulas of one architecture."""
    for method in ("paper", "corrected", "free"):
        yield method, expected_lipschitz(sizes, gain=gain, method=method)


def fig2_trial(sizes, gain, seed):
    """Jacobians and the global bound of one random network."""
    network, X = fig2_network(sizes, gain, seed)
    norms = np.linalg.norm(network.jacobian(X), 2, axis=(1, 2))
    yield "jacobian", norms.mean()
    yield "sequential", lipschitz_bound(network, method="sequential")


def fig2_local(sizes, gain, seed):
    """Local bound by propagation, as [15] of the paper, but in the norm of (13)."""
    network, X = fig2_network(sizes, gain, seed)
    yield "propagated", local_lipschitz_bound(network, X[:1], radius=LOCAL_RADIUS)[0]


def fig2_network(sizes, gain, seed):
    """A random network and normal inputs."""
    X = np.random.default_rng(seed).standard_normal((N_POINTS, N))
    return random_network(sizes, gain=gain, random_state=seed), X


def train(X, y, layers, width, gain, decay, seed, epochs):
    """Weights and biases of one run, and its history."""
    batch = 50
    model = LipschitzRegularizedMLPClassifier(
        (width,) * (layers - 1),
        penalty="none",
        solver="sgd",
        momentum=0.0,
        learning_rate_init=0.1,
        batch_size=batch,
        max_iter=epochs,
        alpha=decay * batch,  # scikit-learn's alpha is divided by the batch size
        tol=0,
        n_iter_no_change=10**6,
        certificate=None,
        init_gain=gain,
        callbacks=[LipschitzHistory(X[-2000:], y[-2000:], radius=RADII[0])],
        random_state=seed,
    )
    model.fit(X[:-2000], y[:-2000])
    keys = ("lipschitz_bound", "accuracy", "certified_accuracy")
    history = [[record[key] for key in keys] for record in model.history_]
    network = model.network_
    arrays = [*network.weights, *network.biases]
    return {f"array{k}": a.astype(np.float32) for k, a in enumerate(arrays)} | {
        "history": history
    }


def load(stored):
    """The network of a cached run."""
    arrays = [stored[f"array{k}"] for k in range(len(stored.files) - 1)]
    half = len(arrays) // 2
    return FeedForward(arrays[:half], arrays[half:])


def measure_size(network, X, y):
    """Bounds, Jacobians and what the formulas say after training."""
    yield "accuracy", np.mean(network.forward(X).argmax(axis=1) == y)
    yield "sequential", lipschitz_bound(network, method="sequential")
    yield "product", lipschitz_bound(network, method="product")
    norms = np.linalg.norm(network.jacobian(X[:1000]), 2, axis=(1, 2))
    yield "jacobian", norms.mean()
    yield "jacobian_max", norms.max()
    gains = measured_gain(network)
    for k, gain in enumerate(gains):
        yield f"gain{k + 1}", gain
    for method in ("paper", "corrected", "free"):
        estimate = expected_lipschitz(network.layer_sizes, gain=gains, method=method)
        yield f"expected_{method}", estimate
    diagnostic = jacobian_diagnostic(network, X[:50], random_state=0)
    for name in ("kurtosis", "row_correlation", "column_spread", "edge"):
        yield f"diagnostic_{name}", diagnostic.statistics[name]


def measure_margins(network, X, y):
    """Margins of the right predictions, in logits and over the bound."""
    values = margins(network, X, y)
    right = values[values > 0.0]
    yield "margin", np.median(right)
    yield (
        "margin_over_L",
        np.median(right) / float(lipschitz_bound(network, method="sequential")),
    )


def measure_certified(network, X, y):
    """Certified accuracy by the sequential bound of each pair of logits."""
    radius = certified_radius(network, X, y, method="sequential")
    for eps in RADII:
        yield f"certified_{eps}", np.mean(radius >= eps)
    yield "mean_radius", radius.mean()


def measure_propagated(network, X, y):
    """Certified accuracy by interval and, on narrow nets, linear bound propagation."""
    radius = certified_radius(network, X[:1000], y[:1000], method="ibp")
    for eps in RADII:
        yield f"ibp_{eps}", np.mean(radius >= eps)
    if max(network.layer_sizes[1:]) <= CROWN_UP_TO:
        radius = certified_radius(network, X[:200], y[:200], method="crown")
        for eps in RADII:
            yield f"crown_{eps}", np.mean(radius >= eps)


def measure_attacked(network, X, y):
    """Accuracy that an attack leaves: certified accuracy cannot exceed it."""
    for eps in RADII:
        yield (
            f"attacked_{eps}",
            adversarial_accuracy_score(
                network,
                X[:N_ATTACKED],
                y[:N_ATTACKED],
                radius=eps,
                n_restarts=5,
                random_state=0,
            ),
        )


GROUPS = {
    "size": measure_size,
    "margins": measure_margins,
    "certified": measure_certified,
    "attacked": measure_attacked,
    "propagated": measure_propagated,
}


def run_fig2(results, trials):
    """Figs 2a to 2c."""
    for figure, layers, width, gain in fig2_settings():
        sizes = [N] + [width] * (layers - 1) + [M_OUT]
        key = (figure, layers, width, gain, 0.0)
        results.fill(
            (*key, 0, "formulas"), lambda s=sizes, g=gain: fig2_estimates(s, g)
        )
        for seed in range(trials):
            setting = (sizes, gain, seed)
            results.fill((*key, seed, "measured"), lambda s=setting: fig2_trial(*s))
            results.fill((*key, seed, "propagated"), lambda s=setting: fig2_local(*s))


def run_tables(results, options):
    """Train what is not cached, measure what is not in the CSV."""
    data = functools.cache(lambda: training_images(options))
    test = functools.cache(
        lambda: load_mnist(options.data, split="test", return_X_y=True)
    )
    cache = Path(options.cache)
    cache.mkdir(parents=True, exist_ok=True)
    for seed, run in itertools.product(range(options.seeds), RUNS):
        name = f"{run_name(run)}-{seed}-{options.subset}-{options.epochs}.npz"

        def stored(path=cache / name, run=run, seed=seed):
            if not path.exists():
                np.savez(path, **train(*data(), *run, seed, options.epochs))
            return np.load(path)

        key = ("trained", *run, seed)
        if run in FIG4:
            results.fill((*key, "history"), lambda s=stored: history_rows(s()))
        for group, measure in GROUPS.items():
            results.fill(
                (*key, group), lambda m=measure, s=stored: m(load(s()), *test())
            )


def training_images(options):
    """The first images of a fixed shuffle of MNIST's training set."""
    X, y = load_mnist(options.data, split="train", return_X_y=True)
    order = np.random.RandomState(0).permutation(len(X))[: options.subset]
    return X[order], y[order]


def history_rows(stored):
    """Bound, clean and certified accuracy of each epoch, on 2000 held-out images."""
    for epoch, values in enumerate(stored["history"], start=1):
        names = ("bound", "clean", "certified")
        yield from (
            (f"{name}_epoch{epoch}", value)
            for name, value in zip(names, values, strict=True)
        )


def main():
    """Run what is missing in the file, then print everything beside the paper's."""
    options = parse(
        __doc__,
        output="paper000.csv",
        data={"help": "MNIST, as load_mnist takes it"},
        epochs=40,
        seeds=3,
        subset=20000,
        trials=10,
        cache="benchmarks/results/paper000",
    )
    results = Results(options.output)
    run_fig2(results, options.trials)
    if options.data is not None:
        run_tables(results, options)
    print_all(results)


if __name__ == "__main__":
    main()
