# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Peak memory of a fit beside the array given, in copies of it; in its own process."""

import resource
import subprocess
import sys

import numpy as np

__all__ = ["peak_copies"]


def peak_copies(path):
    """Largest growth of the process in a fit on all of MNIST, over the size of X."""
    done = subprocess.run(
        [sys.executable, __file__, path], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def _main(path):
    from sklip import LipschitzBoundedMLPClassifier

    def peak():
        return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    with np.load(path) as file:
        X, y = file["x_train"], file["y_train"]
    X = X.reshape(len(X), -1).astype(np.float32)
    X /= 255
    model = LipschitzBoundedMLPClassifier((256, 256), max_iter=1, random_state=0)
    model.fit(X[:500], y[:500])  # what a first fit loads is no one's memory
    # The peak so far may lie above what is in use: fill the difference.
    before = peak()
    with open("/proc/self/statm", encoding="utf-8") as file:
        in_use = int(file.read().split()[1]) * resource.getpagesize()
    filled = np.ones(max(0, before - in_use), dtype=np.uint8)
    before = peak()
    model.fit(X, y)
    print((peak() - before + 0 * filled[:1].sum()) / X.nbytes)


if __name__ == "__main__":
    _main(sys.argv[1])
