# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Every test that needs a GPU, then a GPU's times beside the CPU's; at most 8 minutes.

    python benchmarks/cuda.py --output benchmarks/cuda.csv

Needs sklip on the path, torch, scikit-learn, skorch and pandas; tests that are written
for pytest run where pytest is. Without a GPU it says so and ends. ``--smoke --device
cpu`` runs all of it on small sizes, to test the script itself.

Times are wall seconds of one call after a small one that warms up, all CPU threads
allowed. Where one device gets more rows than the other, compare seconds per 1000 rows.
The CPU comes last, so that what the time does not allow is left out there.
"""

import importlib.util
import platform
import re
import runpy
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from _harness import Table, parse
from sklearn.exceptions import ConvergenceWarning

from sklip import (
    LipschitzRegularizedMLPClassifier,
    NoiseLipschitzClassifier,
    certified_accuracy_score,
    lipschitz_bound,
)
from sklip.networks import random_network

TESTS = Path(__file__).resolve().parents[1] / "tests"
COLUMNS = ["part", "case", "device", "rows", "wall_s", "s_per_1000_rows", "result"]
MOST_SECONDS = 450.0
RADIUS = 1.0 / 255.0


def _data(n, n_features, n_classes=10):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, n_features), dtype=np.float32)
    return X, X[:, :n_classes].argmax(axis=1)


def fit(hidden, n_features, epochs, batch_size):
    """Function that trains for some epochs; its result is the last loss."""

    def run(device, n):
        X, y = _data(n, n_features)
        model = LipschitzRegularizedMLPClassifier(
            hidden,
            penalty="spectral",
            batch_size=batch_size,
            max_iter=epochs,
            tol=0,
            n_iter_no_change=1000,
            certificate=None,
            device=device,
            random_state=0,
        )
        return lambda: model.fit(X, y).history_[-1]["train_loss"]

    return run


def resnet(device, n):
    """An epoch of ResNet-20 with the noise term; in bfloat16 on a GPU."""
    X, y = _data(n, 3 * 32 * 32)
    model = NoiseLipschitzClassifier(
        module="resnet20",
        input_shape=(3, 32, 32),
        batch_size=128,
        max_iter=1,
        amp="bfloat16",
        certificate=None,
        device=device,
        random_state=0,
    )
    return lambda: model.fit(X, y).history_[-1]["train_loss"]


def crown(device, n):
    """Share of images certified by "crown" at one radius, 784-256-256-10."""
    X = np.random.default_rng(0).uniform(size=(n, 784))
    network = random_network((784, 256, 256, 10), random_state=0)
    y = network.forward(X).argmax(axis=1)
    at = {"radius": RADIUS, "norm": np.inf, "method": "crown", "device": device}
    return lambda: certified_accuracy_score(network, X, y, **at)


def lipsdp(device, n):
    """LipSDP-Neuron's bound of a network 16-n/2-n/2-4."""
    network = random_network((16, n // 2, n // 2, 4), gain=2.0, random_state=0)
    return lambda: lipschitz_bound(network, method="lipsdp", device=device).value


# name: (function, rows on the CPU, rows on a GPU, rows for --smoke and to warm up)
CASES = {
    "fit 64-64, 10 epochs": (fit((64, 64), 64, 10, 200), 20_000, 20_000, 400),
    "fit 784-1024-1024-10, 2 epochs": (
        fit((1024, 1024), 784, 2, 512),
        20_000,
        20_000,
        512,
    ),
    "epoch of resnet20": (resnet, 1000, 20_000, 16),
    "crown, 784-256-256-10": (crown, 10_000, 10_000, 20),
    "lipsdp, neurons for rows": (lipsdp, 1000, 1000, 64),
}


def check_all(table, device):
    """Run the checks and the marked tests; the number that failed."""
    failed = 0
    checks = runpy.run_path(str(TESTS / "gpu_checks.py"))["CHECKS"]
    for name, function in checks.items():
        if any(row["result"] == "passed" for row in table.find("test", name, device)):
            continue
        seconds, result = _attempt(device, function, device)
        failed += result.startswith("FAILED")
        table.add(["test", name, device, "", f"{seconds:.3f}", "", result])
    return failed + (device != "cpu" and not _marked_tests_pass(table, device))


def _attempt(device, function, *arguments):
    """Wall seconds and result of a call; an error is a result, the next case runs."""
    start = time.perf_counter()
    try:
        found = function(*arguments)
        result = "passed" if found is None else f"{found:.6g}"
        if device == "cuda":
            torch.cuda.synchronize()
    except Exception as error:
        result = f"FAILED: {type(error).__name__}: {error}".replace("\n", " ")[:300]
    return time.perf_counter() - start, result


def _marked_tests_pass(table, device):
    """Tests with pytest.mark.gpu elsewhere, by pytest if it is there."""
    files = [
        str(path)
        for path in sorted(TESTS.rglob("test_*.py"))
        if path.name != "test_gpu.py" and re.search(r"mark\.gpu\b", path.read_text())
    ]
    if not files:
        return True
    if importlib.util.find_spec("pytest") is None:
        print("pytest is not there: left out " + " ".join(files))
        return True
    words = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-o", "addopts="]
    words += ["--import-mode=importlib", "-p", "no:cacheprovider", *files]
    done = subprocess.run(words, capture_output=True, text=True)
    print(done.stdout)
    last = done.stdout.strip().splitlines()[-1:] or ["no output"]
    table.add(["test", "marked elsewhere", device, "", "", "", last[0]])
    return done.returncode == 0


def measure(table, device, smoke, deadline):
    """Time every case on one device."""
    for name, (make, cpu_rows, gpu_rows, few) in CASES.items():
        if table.find("time", name, device):
            continue
        if time.monotonic() > deadline:
            print(f"No time left for {name} on {device}.")
            continue
        n = few if smoke else cpu_rows if device == "cpu" else gpu_rows
        _attempt(device, make(device, few))  # libraries load, kernels are chosen
        seconds, result = _attempt(device, make(device, n))
        rate = f"{1000.0 * seconds / n:.5g}"
        table.add(["time", name, device, n, f"{seconds:.5g}", rate, result])


def print_ratios(table):
    """How many times faster the GPU is, by seconds per row."""
    for name in CASES:
        found = [table.find("time", name, device) for device in ("cpu", "cuda")]
        if all(found):
            cpu, gpu = (float(rows[-1]["s_per_1000_rows"]) for rows in found)
            print(f"{name}: the GPU is {cpu / gpu:.2f} times as fast as the CPU")


def main():
    """Check, measure, compare; the exit code says whether a check failed."""
    options = parse(
        __doc__,
        device={"default": "cuda", "choices": ("cuda", "cpu")},
        smoke={"action": "store_true", "help": "small sizes"},
    )
    if options.device == "cuda" and not torch.cuda.is_available():
        print("torch sees no GPU here: nothing to run (--smoke --device cpu tests me).")
        return 0
    here = torch.cuda.get_device_name() if options.device == "cuda" else "no GPU"
    print(f"{here}; {platform.machine()}, {torch.get_num_threads()} CPU threads")
    print(f"torch {torch.__version__}, CUDA {torch.version.cuda}", flush=True)
    warnings.simplefilter("ignore", ConvergenceWarning)
    warnings.filterwarnings("ignore", message="batch_size=")
    deadline = time.monotonic() + MOST_SECONDS
    table = Table(options.output, COLUMNS)
    failed = check_all(table, options.device)
    for device in dict.fromkeys((options.device, "cpu")):
        measure(table, device, options.smoke, deadline)
    print_ratios(table)
    print(f"{failed} checks failed" if failed else "Every check passed.")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
