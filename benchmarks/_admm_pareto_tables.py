# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Tables and figure of admm_pareto.py."""

import numpy as np

__all__ = ["draw", "print_comparison", "print_table"]

_STYLES = {
    "plain": ("k", "*"),
    "weight decay": ("tab:gray", "s"),
    "spectral": ("tab:orange", "^"),
    "lipsdp": ("tab:green", "v"),
    "regularise": ("tab:blue", "o"),
    "enforce": ("tab:red", "o"),
}
_LABELS = {
    "spectral": "spectral penalty",
    "lipsdp": "LipSDP penalty",
    "regularise": "ADMM, regularise",
    "enforce": "ADMM, enforce",
    "enforce, restarted": "ADMM, enforce, restarted",
}


def _runs(rows):
    """One row for each data set, method, strength and seed: the best over rho."""
    best = {}
    for row in rows:
        key = tuple(row[name] for name in ("data", "method", "strength", "seed"))
        if key not in best or float(row["train_loss"]) < float(best[key]["train_loss"]):
            best[key] = row
    return best


def _groups(rows):
    """Lists of rows that differ in the seed alone, by data, method and strength."""
    groups = {}
    for key, row in _runs(rows).items():
        groups.setdefault(key[:3], []).append(row)
    return groups


def _values(rows, name):
    return np.array([float(row[name]) for row in rows])


def _mean_and_spread(rows, name, digits):
    values = _values(rows, name)
    spread = values.std(ddof=1) if len(values) > 1 else 0.0
    return f"{values.mean():.{digits}f} ± {spread:.{digits}f}"


def print_table(rows):
    """Mean and standard deviation over the seeds, as a list-table of the docs."""
    print(".. list-table::\n   :header-rows: 1\n")
    cells = ["data", "method", "strength or bound of", "certified L", "score"]
    for line in [[*cells, "training loss", "CPU s"], *_lines(rows)]:
        print("   * - " + "\n     - ".join(line))
    print()


def _lines(rows):
    for (data, method, strength), group in _groups(rows).items():
        yield [
            data,
            _LABELS.get(method, method),
            strength,
            _mean_and_spread(group, "bound", 2),
            _mean_and_spread(group, "score", 4),
            _mean_and_spread(group, "train_loss", 4),
            f"{np.mean(_values(group, 'cpu_s')):.1f}",
        ]


def print_comparison(rows):
    """Training loss of ADMM over that of the net whose bound it was given, by seed."""
    runs = _runs(rows)
    wins, pairs = {}, {}
    for (data, method, strength, seed), row in runs.items():
        if not method.startswith("enforce"):
            continue
        other, value = strength.rsplit(" ", 1)
        reference = runs.get((data, other, value, seed))
        if reference is None:
            continue
        ratio = float(row["train_loss"]) / float(reference["train_loss"])
        pairs.setdefault((data, method, strength), []).append((int(seed), ratio))
        won, total = wins.get((data, method, other), (0, 0))
        wins[data, method, other] = won + (ratio < 1.0), total + 1
    print("training loss of ADMM over that of the net with the same bound, by seed")
    for (data, method, strength), found in pairs.items():
        ratios = "  ".join(f"{ratio:.4f}" for _, ratio in sorted(found))
        print(f"{data:21s} {method:19s} {strength:19s} {ratios}")
    for (data, method, other), (won, total) in wins.items():
        print(f"{data:21s} {method:19s} lower than {other}: {won} of {total}")


def draw(rows, path):
    """Score, and training loss, against the certified bound; one column a data set."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    groups = _groups(rows)
    names = list(dict.fromkeys(data for data, _, _ in groups))
    figure, axes = plt.subplots(
        2,
        len(names),
        figsize=(3.0 * len(names), 5.6),
        layout="constrained",
        sharex="col",
    )
    for column, name in zip(axes.T, names, strict=True):
        for method, (color, marker) in _STYLES.items():
            chosen = [g for key, g in groups.items() if key[:2] == (name, method)]
            if not chosen:
                continue
            chosen.sort(key=lambda group: _values(group, "bound").mean())
            for ax, quantity in zip(column, ("score", "train_loss"), strict=True):
                bounds = [_values(group, "bound").mean() for group in chosen]
                means = [_values(group, quantity).mean() for group in chosen]
                spreads = [_values(group, quantity).std() for group in chosen]
                ax.errorbar(
                    bounds,
                    means,
                    spreads,
                    color=color,
                    marker=marker,
                    markersize=5,
                    linewidth=1,
                    label=_LABELS.get(method, method),
                )
        column[0].set(title=name, xscale="log")
        column[1].set(xlabel="certified Lipschitz bound", yscale="log")
    axes[0, 0].set_ylabel("accuracy or R², test")
    axes[1, 0].set_ylabel("training loss")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    figure.savefig(path, dpi=90)
