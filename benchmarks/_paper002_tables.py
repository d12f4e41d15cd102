# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The tables of paper 002 as printed, in per cent, and what each of them trains."""

from dataclasses import dataclass

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


_MNIST = {
    Setting("cnn"): (97.0, 92.0, 65.0),
    Setting("cnn", 0.5, 10, 0.01): (98.0, 95.0, 70.0),
    Setting("cnn", 0.75, 10, 0.005): (98.0, 96.0, 78.0),
    Setting("cnn", 0.75, 10, 0.01): (98.0, 96.0, 77.0),
}

# network -> L_n -> nine accuracies: beta = 1, 5, 10 at sigma_test 0, at 0.3, at 0.5.
_CIFAR = {
    0.25: {
        "resnet20": {
            0.01: (88.02, 82.49, 88.18, 50.56, 45.80, 58.56, 23.49, 21.68, 29.70),
            0.1: (88.86, 88.21, 89.00, 63.01, 59.05, 57.92, 34.73, 31.17, 25.84),
        },
        "preresnet20": {
            0.01: (86.91, 87.86, 88.34, 63.52, 58.86, 59.47, 32.84, 26.99, 26.33),
            0.1: (86.55, 88.11, 87.80, 58.51, 61.25, 64.98, 35.14, 32.76, 39.41),
        },
    },
    0.05: {
        "resnet20": {
            0.01: (92.39, 92.44, 92.68, 32.5, 36.56, 34.09, 15.68, 19.65, 16.33),
            0.1: (92.57, 92.32, 93.02, 34.15, 38.48, 42.06, 13.67, 20.63, 21.56),
        },
        "preresnet20": {
            0.01: (92.50, 92.40, 92.56, 41.31, 35.18, 34.66, 22.25, 18.39, 16.46),
            0.1: (92.36, 92.66, 92.34, 34.92, 28.37, 33.67, 17.54, 16.12, 14.83),
        },
    },
    0.5: {
        "resnet20": {
            0.01: (82.97, 82.72, 82.55, 70.31, 67.60, 66.89, 46.47, 43.91, 41.15),
            0.1: (81.36, 83.20, 84.62, 58.55, 60.09, 72.40, 36.25, 40.75, 45.53),
        },
        "preresnet20": {
            0.01: (82.43, 80.88, 80.00, 70.83, 64.34, 72.08, 45.54, 33.10, 47.19),
            0.1: (80.08, 85.17, 82.42, 53.92, 58.37, 65.94, 31.77, 26.48, 47.28),
        },
    },
}
_STL = {
    0.25: {
        0.01: (75.65, 77.41, 78.19, 66.11, 59.00, 62.91, 48.77, 40.94, 44.52),
        0.1: (78.88, 79.71, 77.21, 68.34, 65.47, 64.60, 47.42, 46.26, 42.24),
    },
    0.05: {
        0.01: (80.44, 80.88, 80.79, 56.54, 67.81, 56.56, 41.74, 51.58, 37.25),
        0.1: (81.34, 80.90, 80.64, 55.46, 52.88, 49.86, 39.51, 39.51, 34.84),
    },
    0.5: {
        0.01: (73.16, 72.08, 70.90, 60.19, 66.97, 65.89, 48.83, 53.21, 51.33),
        0.1: (71.75, 75.35, 71.83, 62.79, 69.10, 67.88, 46.40, 55.95, 52.21),
    },
}
_STANDARD = {
    "resnet20": (92.77, 38.28, 18.01),
    "preresnet20": (92.59, 30.80, 15.91),
    "preresnet32": (80.44, 50.67, 34.94),
}


def _rows(noise_std, networks):
    rows = {}
    for network, targets in networks.items():
        rows[Setting(network)] = _STANDARD[network]
        for target, values in targets.items():
            for k, beta in enumerate((1, 5, 10)):
                rows[Setting(network, noise_std, beta, target)] = values[k::3]
    return rows


def _experiments():
    found = {"table2": Experiment(_MNIST, (0.0, 0.5, 1.0), "mnist")}
    found["figure1"] = Experiment(
        _MNIST, (0.0, 0.5), "mnist", (0.1, 0.25, 0.5, 0.75, 1.0)
    )
    curve = tuple(k / 100 for k in range(51))
    numbers = {0.25: (3, 6, 4, 5), 0.05: (4, 7, 2, 3), 0.5: (5, 8, 6, 7)}
    for noise_std, (cifar, stl, cifar_figure, stl_figure) in numbers.items():
        rows = _rows(noise_std, _CIFAR[noise_std])
        found[f"table{cifar}"] = Experiment(rows, (0.0, 0.3, 0.5), "cifar")
        found[f"figure{cifar_figure}"] = Experiment(rows, curve, "cifar")
        rows = _rows(noise_std, {"preresnet32": _STL[noise_std]})
        found[f"table{stl}"] = Experiment(rows, (0.0, 0.3, 0.5), "cifar")
        found[f"figure{stl_figure}"] = Experiment(rows, curve, "cifar")
    return dict(sorted(found.items()))


# "table2" ... "table8", "figure1" ... "figure7"
EXPERIMENTS = _experiments()
