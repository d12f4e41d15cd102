# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Certified radii by method on plainly trained networks, beside attacks and the truth.

    cd benchmarks && python local_bounds.py --data mnist.npz --output local_bounds.csv

Networks are scikit-learn's MLPClassifier with its defaults (seed 0), without any
Lipschitz penalty; digits have pixels over 16, breast cancer standardised columns; a
quarter is held out (stratified, seed 0). Tables of the CSV, none made twice:

radii     first 100 held-out samples: mean certified radius by method, its ratio to
          "pairwise", CPU seconds (one thread), samples whose radius is below that of
          pairwise LipSDP, and the mean distance of the flips that attacks find
accuracy  at radius eps, on the first 140 held-out samples: clean, under PGD, certified
          by "best", verified and left unknown by verify_robustness (10 s a sample)
gap       small networks, first 20 held-out samples that are classified right: mean over
          the samples of certified over exact radius, by method; the exact one is the
          middle of a bracket that verify_robustness narrows to 2 %
mnist     10,000 images, 784-256-256-10, certified accuracy at linf 1/255 by interval
          and by linear propagation: CPU seconds and peak memory of a fresh process
"""

import resource
import subprocess
import sys
import time
import warnings

import numpy as np
import torch
from _harness import Table, parse
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from sklip import (
    adversarial_accuracy_score,
    certified_accuracy_score,
    certified_radius,
    robustness_bracket,
    verify_robustness,
)
from sklip.datasets import load_mnist
from sklip.networks import network_view, random_network

torch.set_num_threads(1)
warnings.filterwarnings("ignore", category=UserWarning)

COLUMNS = ["table", "case", "norm", "method", "quantity", "value"]
GLOBAL = ["product", "pairwise", "sequential", "lipsdp"]
METHODS = [*GLOBAL, "ibp", "crown", "local", "best"]
RADII_OF = [
    ("cancer", (64,), 2),
    ("cancer", (32, 32), 2),
    ("digits", (64,), 2),
    ("digits", (64, 64), 2),
    ("cancer", (64,), np.inf),
    ("digits", (64,), np.inf),
]
LARGE = ("digits", (128, 128), 2)
ACCURACY_OF = [
    ("cancer", (32,), (1.0,)),
    ("cancer", (64,), (1.0,)),
    ("cancer", (16, 16), (1.0,)),
    ("cancer", (32, 32), (1.0,)),
    ("digits", (32,), (0.3,)),
    ("digits", (64,), (0.3,)),
    ("digits", (16, 16), (0.2,)),
    ("digits", (32, 32), (0.2,)),
]
GAP_OF = [("cancer", (16,)), ("digits", (16,)), ("cancer", (12, 12))]
N_RADII, N_ACCURACY, N_GAP = 100, 140, 20
NARROW = 1.02
MNIST_RADIUS = 1.0 / 255.0


def fitted(data, hidden):
    """A plainly trained network and what was held out."""
    X, y = (load_digits if data == "digits" else load_breast_cancer)(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, stratify=y, random_state=0)
    if data == "digits":
        X, X_test = X / 16.0, X_test / 16.0
    else:
        scaler = StandardScaler().fit(X)
        X, X_test = scaler.transform(X), scaler.transform(X_test)
    return MLPClassifier(hidden, random_state=0).fit(X, y), X_test, y_test


def name_of(data, hidden):
    """Of a network, in the CSV."""
    return f"{data} {'-'.join(map(str, hidden))}"


def radii(data, hidden, norm):
    """Mean radii by method."""
    model, X, _ = fitted(data, hidden)
    X, found = X[:N_RADII], {}
    for method in METHODS:
        start = time.process_time()
        found[method] = certified_radius(model, X, norm=norm, method=method)
        yield method, "cpu_s", time.process_time() - start
        yield method, "mean_radius", found[method].mean()
    for method in METHODS:
        ratio = found[method].mean() / found["pairwise"].mean()
        yield method, "over_pairwise", ratio
        yield method, "below_lipsdp", np.sum(found[method] < found["lipsdp"])
        assert np.all(found[method] <= found["best"]), method
    _, attacked = robustness_bracket(model, X, norm=norm, random_state=0)
    yield "attack", "mean_radius", attacked.mean()
    yield "attack", "over_pairwise", attacked.mean() / found["pairwise"].mean()


def accuracy(data, hidden, norm, radius):
    """Shares of the samples, in an order that is asserted."""
    model, X, y = fitted(data, hidden)
    X, y = X[:N_ACCURACY], y[:N_ACCURACY]
    at = {"radius": radius, "norm": norm}
    start = time.process_time()
    certified = certified_accuracy_score(model, X, y, **at)
    certifying = time.process_time() - start
    attacked = adversarial_accuracy_score(model, X, y, **at, random_state=0)
    start = time.process_time()
    limit = 10.0 * len(X)
    statuses = [
        r.status for r in verify_robustness(model, X, y, time_limit=limit, **at)
    ]
    seconds = time.process_time() - start
    verified = statuses.count("verified") / len(y)
    unknown = statuses.count("unknown") / len(y)
    # Certified is never above what an attack leaves, nothing that the exact verifier
    # falsifies is certified, and what it verifies is, but for what it leaves open.
    assert certified <= attacked
    assert verified - unknown <= certified <= verified + unknown
    yield "clean", "accuracy", model.score(X, y)
    yield "pgd", "accuracy", attacked
    yield "best", "accuracy", certified
    yield "best", "cpu_s", certifying
    yield "exact", "verified", verified
    yield "exact", "unknown", unknown
    yield "exact", "cpu_s", seconds


def gap(data, hidden, norm):
    """Certified over exact radius."""
    model, X, y = fitted(data, hidden)
    X = X[model.predict(X) == y][:N_GAP]
    low, high = robustness_bracket(model, X, norm=norm, random_state=0)
    for i in range(len(X)):
        while high[i] > NARROW * low[i]:
            middle = 0.5 * (low[i] + high[i])
            result = verify_robustness(model, X[[i]], radius=middle, norm=norm)[0]
            if result.status == "unknown":
                break
            if result.status == "verified":
                low[i] = middle
            else:
                start = network_view(model).encode(X[[i]])[0]
                length = np.linalg.norm(result.point - start, norm)
                high[i] = min(middle, length * (1.0 + 1e-9))
    settled = high <= NARROW * low
    exact = 0.5 * (low + high)[settled]
    yield "exact", "samples", np.sum(settled)
    yield "exact", "mean_radius", exact.mean()
    for method in METHODS:
        found = certified_radius(model, X[settled], norm=norm, method=method)
        assert np.all(found <= NARROW * exact)
        yield method, "share_of_exact", np.mean(found / exact)
        yield method, "least_share", np.min(found / exact)
    attacked = robustness_bracket(model, X[settled], norm=norm, random_state=0)[1]
    yield "attack", "share_of_exact", np.mean(attacked / exact)


def mnist(data, method):
    """Cost of one pass over 10,000 images, in a process of its own."""
    words = [sys.executable, __file__, "--pass", method]
    words += ["--data", data] if data else []
    found = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    for name, value in zip(
        ("cpu_s", "peak_gb", "certified"), found.split(), strict=True
    ):
        yield method, name, float(value)


def one_pass(data, method):
    """Print CPU seconds, peak memory and the share certified."""
    if data:
        X, _ = load_mnist(data, split="test", return_X_y=True)
        X = X.astype(np.float64)
    else:
        X = np.random.default_rng(0).uniform(size=(10000, 784))
    network = random_network((784, 256, 256, 10), random_state=0)
    y = network.forward(X).argmax(axis=1)
    start = time.process_time()
    at = {"radius": MNIST_RADIUS, "norm": np.inf}
    share = certified_accuracy_score(network, X, y, method=method, **at)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(time.process_time() - start, peak, share)


def main():
    """Fill the CSV."""
    arguments = parse(
        __doc__,
        output="local_bounds.csv",
        data={"help": "MNIST's npz; without it 10,000 random images"},
        **{"pass": {"dest": "method", "help": "print one pass; for the script itself"}},
    )
    if arguments.method:
        return one_pass(arguments.data, arguments.method)
    table = Table(arguments.output, COLUMNS, form="{:.5g}".format)

    def fill(part, case, norm, measure, *of):
        table.fill_group((part, case, norm), lambda: measure(*of))

    for method in ("ibp", "crown"):
        case = f"784-256-256-10 {method}"
        fill("mnist", case, np.inf, mnist, arguments.data, method)
    for data, hidden, norm in RADII_OF:
        fill("radii", name_of(data, hidden), norm, radii, data, hidden, norm)
    for data, hidden in GAP_OF:
        fill("gap", name_of(data, hidden), 2, gap, data, hidden, 2)
    for data, hidden, sizes in ACCURACY_OF:
        for radius in sizes:
            case = f"{name_of(data, hidden)} at {radius}"
            fill("accuracy", case, 2, accuracy, data, hidden, 2, radius)
    data, hidden, norm = LARGE
    fill("radii", name_of(data, hidden), norm, radii, data, hidden, norm)
    return None


if __name__ == "__main__":
    main()
