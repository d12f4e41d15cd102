# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Tables 2-8 and Figures 1-7 of paper 002: our accuracies beside the printed ones.

    python benchmarks/paper002.py table2 --data mnist.npz --seeds 3
    python benchmarks/paper002.py table3 --data cifar10.npz --epochs 300 --device cuda
    python benchmarks/paper002.py figure4 --data cifar10.npz --plot figure4.png

One command for each table or figure. DATA is an npz with x_train, y_train, x_test and
y_test, images as whole numbers from 0 to 255, channels last or none: MNIST for table2
and figure1, CIFAR-10 for the tables 3-5 and figures 2, 4, 6, STL-10 for the rest.
Results go to one CSV, networks to a folder beside it every few epochs: a run that was
cut off goes on where it stopped, and what was measured once is not measured again.

What lies in paper002.csv was measured with ``--bfloat16`` and

    table2 --data mnist.npz --seeds 3
    figure1 --data mnist.npz --subset 5000
    table3 --data cifar10.npz --epochs 4 --only resnet20:.25:10:.1 resnet20 \\
        preresnet20:.25:10:.1 preresnet20

The paper names no optimizer, momentum, weight decay or augmentation. Here: Adam on
MNIST; on the others SGD with Nesterov momentum .9, weight decay 1e-4 and no
augmentation; the step size falls at half and three quarters of the epochs.
"""

import pickle
import time
from pathlib import Path

import numpy as np
import torch
from _harness import Table, parse
from _paper002_tables import EXPERIMENTS, Setting

from sklip import NoiseLipschitzClassifier, noise_accuracy_curve

KEY = ["data", "network", "noise_std", "beta", "target", "subset", "fraction"]
KEY += ["epochs", "seed"]
COLUMNS = [*KEY, "sigma_test", "accuracy", "fit_seconds"]
SCHEDULES = {"mnist": 5, "cifar": 300}  # epochs of the paper


def load(path, subset):
    """Images in [0, 1] with channels first, and labels; a fixed random subset."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in ("x_train", "y_train")}
        arrays |= {name: file[name] for name in ("x_test", "y_test")}
    rows = np.random.default_rng(0).permutation(len(arrays["x_train"]))[:subset]
    parts = []
    for name, kept in (("train", rows), ("test", slice(None))):
        X = arrays[f"x_{name}"][kept]
        X = X[..., None] if X.ndim == 3 else X
        X = np.ascontiguousarray(np.moveaxis(X, -1, 1), dtype=np.float32) / 255
        parts += [X, arrays[f"y_{name}"][kept].astype(int).ravel()]
    return parts


def make_model(setting, schedule, epochs, seed, device):
    """The untrained network of a setting."""
    noise = {"lipschitz_weight": float(setting.beta)}
    if setting.beta:
        noise |= {"noise_std": setting.noise_std, "lipschitz_target": setting.target}
    common = {"module": setting.network, "random_state": seed, "device": device}
    common |= {"certificate": None, **noise}
    if schedule == "mnist":
        return NoiseLipschitzClassifier(
            (512,), batch_size=100, learning_rate_init=3e-4, alpha=0.0, **common
        )
    return NoiseLipschitzClassifier(
        solver="sgd",
        learning_rate_init=0.1,
        learning_rate_milestones=[max(1, epochs // 2), max(1, 3 * epochs // 4)],
        batch_size=128,
        alpha=1e-4 * 128,
        amp=device != "cpu",
        **common,
    )


def train(model, X, y, epochs, path, save_every, bfloat16):
    """Epochs up to the last one, from the file if there is one; (model, seconds)."""
    seconds = 0.0
    # Without the cache, which would keep the weights of the first step.
    half = {"dtype": torch.bfloat16, "cache_enabled": False}
    autocast = torch.autocast("cpu", enabled=bfloat16, **half)
    if path.exists():
        model, seconds = pickle.loads(path.read_bytes())
    done = len(getattr(model, "history_", ()))
    classes = np.unique(y)
    for epoch in range(done + 1, epochs + 1):
        start = time.process_time()
        with autocast:
            model.partial_fit(X, y, classes=classes)
        seconds += time.process_time() - start
        if epoch % save_every == 0 or epoch == epochs:
            part = path.with_suffix(".part")
            part.write_bytes(pickle.dumps((model, seconds)))
            part.replace(path)
    return model, seconds


class Results:
    """The CSV: accuracies by key and sigma_test."""

    def __init__(self, path):
        self.path = Path(path)
        self.table = Table(path, COLUMNS, echo=False)

    def add(self, key, sigmas, accuracies, seconds):
        """Append the accuracies of one network."""
        pairs = zip(sigmas, accuracies, strict=True)
        rows = [[*key, f"{s:g}", f"{100 * a:.2f}", f"{seconds:.0f}"] for s, a in pairs]
        self.table.add(*rows)

    def get(self, key, sigmas):
        """Accuracies, or None for one that is missing."""
        found = [self.table.find(*key, f"{sigma:g}") for sigma in sigmas]
        return [float(rows[-1]["accuracy"]) if rows else None for rows in found]


def run(setting, experiment, parts, options, results, fraction, seed):
    """Accuracies of one setting, trained and measured if need be."""
    n = int(fraction * len(parts[0]))
    numbers = (setting.noise_std, setting.beta, setting.target)
    subset, name = len(parts[0]), Path(options.data).stem
    key = (name, setting.network, *(f"{value:g}" for value in numbers))
    key += (str(subset), f"{fraction:g}", str(options.epochs), str(seed))
    found = results.get(key, experiment.sigmas)
    missing = [s for s, a in zip(experiment.sigmas, found, strict=True) if a is None]
    if missing:
        folder = results.path.with_suffix(".networks")
        folder.mkdir(exist_ok=True)
        path = folder / ("_".join(key) + ".pkl")
        X, y, X_test, y_test = parts
        rows = np.random.default_rng(seed).permutation(len(X))[:n]
        args = setting, experiment.schedule, options.epochs, seed, options.device
        if n < len(X):
            X, y = X[rows], y[rows]
        model = make_model(*args)
        how = options.epochs, path, options.save_every, options.bfloat16
        model, seconds = train(model, X, y, *how)
        curve = noise_accuracy_curve(model, X_test, y_test, missing)[:, 0]
        results.add(key, missing, curve, seconds)
        print(f"# {setting.label}, seed {seed}, {n} images, {seconds:.0f} s")
    return results.get(key, experiment.sigmas)


def report(experiment, measured, options):
    """One line for each setting and fraction: ours, mean over the seeds, and theirs."""
    shown = [s for s in experiment.sigmas if round(100 * s) % 10 == 0]
    columns = [experiment.sigmas.index(s) for s in shown]
    levels = ", ".join(f"{s:g}" for s in shown)
    print(f"\nsetting; accuracy in % at sigma_test = {levels}")
    for (setting, fraction), runs in measured.items():
        mean = np.mean(runs, axis=0)[columns]
        ours = " ".join(f"{value:5.1f}" for value in mean)
        row = experiment.rows.get(setting, ())
        printed = dict(zip(_PRINTED[experiment.schedule], row, strict=False))
        cells = [f"{printed[s]:5.1f}" if s in printed else "    -" for s in shown]
        theirs = " ".join(cells)
        share = f" {fraction:g} of the data" if len(experiment.fractions) > 1 else ""
        theirs = theirs if fraction == 1.0 else ""
        print(f"{setting.label + share:54s} ours {ours}   paper {theirs}")
    print(f"({options.epochs} epochs, {options.seeds} seeds)")


_PRINTED = {"mnist": (0.0, 0.5, 1.0), "cifar": (0.0, 0.3, 0.5)}


def draw(path, experiment, measured):
    """The figure: accuracy over sigma_test, or over the fraction for figure 1."""
    from matplotlib import pyplot

    from sklip import NoiseRobustnessDisplay

    if len(experiment.fractions) > 1:
        _, axes = pyplot.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
        for setting in experiment.rows:
            runs = [measured[setting, f] for f in experiment.fractions]
            means = np.mean(runs, axis=1)
            for ax, values, sigma in zip(axes, means.T, experiment.sigmas, strict=True):
                ax.plot(experiment.fractions, values, "o-", label=setting.label)
                ax.set(xlabel="share of the training data", title=f"sigma {sigma:g}")
        axes[0].legend(fontsize="small")
    else:
        curves = [np.transpose(runs) / 100 for runs in measured.values()]
        labels = [setting.label for setting, _ in measured]
        NoiseRobustnessDisplay(
            noise_stds=experiment.sigmas, accuracies=curves, estimator_names=labels
        ).plot()
    pyplot.savefig(path, dpi=150)


def main():
    """Train what is missing, then print and draw."""
    options = parse(
        __doc__,
        output="benchmarks/paper002.csv",
        EXPERIMENT={"choices": EXPERIMENTS},
        data={"required": True, "metavar": "FILE.npz"},
        subset={"type": int, "help": "training images (default: all)"},
        epochs={"type": int, "help": "default: the paper's"},
        seeds=1,
        device="cpu",
        save_every={"type": int, "default": 5, "metavar": "EPOCHS"},
        bfloat16={"action": "store_true", "help": "train in it on the CPU too"},
        plot={"metavar": "FILE", "help": "draw it"},
        only={
            "nargs": "+",
            "metavar": "NETWORK:SIGMA:BETA:LN",
            "help": "some settings instead of all; NETWORK alone is standard training",
        },
    )
    experiment = EXPERIMENTS[options.experiment]
    options.epochs = options.epochs or SCHEDULES[experiment.schedule]
    settings = list(experiment.rows)
    if options.only:
        texts = [text.split(":") for text in options.only]
        settings = [Setting(name, *map(float, rest)) for name, *rest in texts]
    parts, results = load(options.data, options.subset), Results(options.output)
    measured = {}
    for seed in range(options.seeds):
        for setting in settings:
            for fraction in experiment.fractions:
                arguments = (setting, experiment, parts, options, results)
                found = run(*arguments, fraction, seed)
                measured.setdefault((setting, fraction), []).append(found)
    report(experiment, measured, options)
    if options.plot:
        draw(options.plot, experiment, measured)


if __name__ == "__main__":
    main()
