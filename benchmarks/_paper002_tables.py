# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The tables of paper 002 as printed, in per cent, and what each of them trains."""

import csv
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

__all__ = ["EXPERIMENTS", "Experiment", "Setting"]


@dataclass(frozen=True)
class Setting:
    """One training: network and the three hyper-parameters; beta = 0 is standard."""

    network: str
    noise_std: float = 0.0
    beta: float = 0.0
    target: float = 0.0

    @property
    def label(self):
        """What is printed for it."""
        if self.beta == 0:
            return f"{self.network} standard"
        return (
            f"{self.network} sigma_train={self.noise_std:g} beta={self.beta:g} "
            f"L_n={self.target:g}"
        )


@dataclass(frozen=True)
class Experiment:
    """A table or figure: its settings with the printed accuracies, where there are any.

    Attributes
    ----------
    rows : dict of Setting to tuple of float
        Accuracy in per cent at each sigma_test; empty for a figure.
    sigmas : tuple of float
        Noise of the test data.
    schedule : str
        "mnist" or "cifar": optimizer, batch size and epochs.
    fractions : tuple of float
        Shares of the training data.
    """

    rows: dict
    sigmas: tuple
    schedule: str
    fractions: tuple = (1.0,)


def _printed():
    """Table -> setting -> accuracies, and table -> sigma_test."""
    tables, sigmas = defaultdict(lambda: defaultdict(tuple)), defaultdict(dict)
    path = Path(__file__).with_name("paper002_printed.csv")
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            numbers = (float(row[name]) for name in ("noise_std", "beta", "target"))
            setting = Setting(row["network"], *numbers)
            tables[int(row["table"])][setting] += (float(row["accuracy"]),)
            sigmas[int(row["table"])][float(row["sigma_test"])] = None
    return {n: (dict(rows), tuple(sigmas[n])) for n, rows in tables.items()}


def _experiments():
    tables = _printed()
    found = {
        f"table{n}": Experiment(rows, sigmas, "mnist" if n == 2 else "cifar")
        for n, (rows, sigmas) in tables.items()
    }
    mnist = tables[2][0]
    found["figure1"] = Experiment(
        mnist, (0.0, 0.5), "mnist", (0.1, 0.25, 0.5, 0.75, 1.0)
    )
    curve = tuple(k / 100 for k in range(51))
    for table, figure in {3: 4, 6: 5, 4: 2, 7: 3, 5: 6, 8: 7}.items():
        found[f"figure{figure}"] = Experiment(tables[table][0], curve, "cifar")
    return dict(sorted(found.items()))


# "table2" ... "table8", "figure1" ... "figure7"
EXPERIMENTS = _experiments()
