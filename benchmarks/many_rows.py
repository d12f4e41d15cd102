# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What each method of certified radii costs for a row, and what it gains, by size.

Networks are trained with and without a penalty; what is solved once for a network is
timed by itself. ``score`` decides one radius, the median of the method, in place of
finding each row's own. Without branch and bound, which many rows leave out.

    python benchmarks/many_rows.py --output benchmarks/many_rows.csv
"""

import warnings
from functools import partial

import numpy as np
from _harness import Table, parse, timed
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

from sklip import (
    LipschitzRegularizedMLPClassifier,
    certified_accuracy_score,
    certified_radius,
)
from sklip.networks import FeedForward

COLUMNS = ["network", "penalty", "method", "once_s", "radius_us", "score_us", "mean"]
DATA = {
    "iris": (load_iris, (16,), "lipsdp"),
    "cancer": (load_breast_cancer, (64, 64), "lipsdp"),
    "digits": (load_digits, (128, 128), "spectral"),
}
METHODS = ("pairwise", "sequential", "lipsdp", "ibp", "crown", "local", "best")


def trained(data, penalty, n_rows):
    """A network, rows near its training data, and what it predicts of them."""
    load, sizes, _ = DATA[data]
    X, y = load(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    model = LipschitzRegularizedMLPClassifier(
        sizes, penalty=penalty, max_iter=60, random_state=0, certificate=None
    ).fit(X, y)
    rng = np.random.default_rng(0)
    rows = X[rng.integers(len(X), size=n_rows)]
    rows = rows + 0.1 * rng.normal(size=rows.shape)
    # Another object: what is known of the first is not used again.
    network = FeedForward(
        model.network_.weights, model.network_.biases, model.network_.activation
    )
    return network, rows, network.forward(rows).argmax(axis=1)


def measure(network, rows, labels, method):
    """Seconds once, microseconds for a row of radii and of a score, mean radius."""
    how = {"method": method, "effort": 0}
    # Constants are solved for the pairs of classes that occur.
    first = rows if method in ("sequential", "lipsdp") else rows[:2]
    _, once = timed(lambda: certified_radius(network, first, **how))
    radii, all_radii = timed(lambda: certified_radius(network, rows, **how))
    asked = {"radius": float(np.median(radii)), **how}
    _, score = timed(lambda: certified_accuracy_score(network, rows, labels, **asked))
    scale = 1e6 / len(rows)
    return once, scale * all_radii, scale * score, radii.mean()


def main():
    warnings.simplefilter("ignore", ConvergenceWarning)
    options = parse(__doc__, rows=300)
    table = Table(options.output, COLUMNS, "{:.5g}".format)
    for data, (_, _, strong) in DATA.items():
        for penalty in ("none", strong):
            asked = trained(data, penalty, options.rows)
            name = "-".join(map(str, asked[0].layer_sizes))
            for method in METHODS:
                table.fill((name, penalty, method), partial(measure, *asked, method))


if __name__ == "__main__":
    main()
