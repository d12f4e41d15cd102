# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Time of an epoch beside scikit-learn and skorch, one thread, ratios of CPU time.

    python benchmarks/training_speed.py --output benchmarks/training_speed.csv

Every figure is the median over the repeats of a ratio taken side by side in one
process: first ours, then the peer. An MLP 64-64, Adam, float32 input, no certificate.
"""

import statistics

from _harness import Table, cpu_seconds, parse
from _peers import make_data, sklearn_model, sklip_model, skorch_model

SHAPES = [(569, 30), (1797, 64), (50_000, 30), (20_000, 784)]
BATCH_SIZES = [32, 128, 200, 512]
COLUMNS = [
    "n_samples",
    "n_features",
    "batch_size",
    "plain/sklearn",
    "plain/skorch",
    "spectral/plain",
    "product/plain",
    "ms_per_epoch",
]


def _one_round(X, y, batch_size, epochs):
    """CPU seconds of each model for the same number of epochs."""
    y_long = y.astype("int64")
    models = {
        "plain": sklip_model(batch_size, epochs),
        "sklearn": sklearn_model(batch_size, epochs),
        "spectral": sklip_model(batch_size, epochs, "spectral"),
        "product": sklip_model(batch_size, epochs, "product"),
    }
    times = {
        name: cpu_seconds(lambda model=model: model.fit(X, y))
        for name, model in models.items()
    }
    # skorch is several times slower: fewer epochs give the same figure.
    few = max(1, epochs // 3)
    net = skorch_model(batch_size, few, X.shape[1], y.max() + 1)
    times["skorch"] = cpu_seconds(lambda: net.fit(X, y_long)) * epochs / few
    return times


def measure(shape, batch_size, repeats):
    """Ratios and milliseconds of one row."""
    X, y = make_data(*shape)
    epochs = max(2, 40_000 // shape[0])
    rounds = [_one_round(X, y, batch_size, epochs) for _ in range(repeats)]

    def median(a, b):
        return statistics.median(times[a] / times[b] for times in rounds)

    epoch = statistics.median(times["plain"] for times in rounds) / epochs
    return [
        f"{median('plain', 'sklearn'):.2f}",
        f"{median('plain', 'skorch'):.2f}",
        f"{median('spectral', 'plain'):.2f}",
        f"{median('product', 'plain'):.2f}",
        f"{1e3 * epoch:.2f}",
    ]


def main():
    """Measure all shapes and batch sizes."""
    options = parse(__doc__, repeats=5)
    table = Table(options.output, COLUMNS)
    for shape in SHAPES:
        for batch_size in BATCH_SIZES:
            arguments = shape, batch_size, options.repeats
            table.fill((*shape, batch_size), lambda a=arguments: measure(*a))


if __name__ == "__main__":
    main()
