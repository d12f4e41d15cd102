# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Tables and figure of which_estimator.py."""

import numpy as np

__all__ = ["RADII", "draw", "write_tables"]

# The l2 radii of the columns certified_1 to certified_4.
RADII = {
    "breast cancer": (0.25, 0.5, 1.0, 2.0),
    "wine": (0.25, 0.5, 1.0, 2.0),
    "digits": (0.141, 0.282, 0.5, 1.0),
}

_STYLES = {
    "regularised": ("tab:orange", "^"),
    "ADMM, penalised": ("tab:blue", "s"),
    "ADMM, enforced": ("tab:red", "D"),
    "noise": ("tab:green", "v"),
    "bounded": ("k", "o"),
}


def _groups(rows):
    """Rows of all splits by data, family and knob."""
    groups = {}
    for row in rows:
        key = row["data"], row["family"], row["knob"]
        groups.setdefault(key, []).append(row)
    return groups


def _mean(rows, name):
    return np.mean([float(row[name]) for row in rows])


def write_tables(rows, radii, path):
    """One list-table for each data set."""
    groups = _groups(rows)
    text = ""
    for data in dict.fromkeys(row["data"] for row in rows):
        chosen = {key[1:]: rows for key, rows in groups.items() if key[0] == data}
        names = [f"at {r:g}" for r in radii.get(data, ())]
        score = "accuracy" if names else "R²"
        titles = ["family", "knob", "splits", score, *names, "proven L", "CPU s"]
        lines = [_line(*key, found, bool(names)) for key, found in chosen.items()]
        text += _list_table(data, titles, lines)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def _line(family, knob, rows, is_classification):
    shares = []
    if is_classification:
        shares = [f"{_mean(rows, f'certified_{k}'):.1f}" for k in range(1, 5)]
    digits = 1 if is_classification else 3
    return [
        family if (family, knob) != ("regularised", "0") else "plain",
        knob if knob != "0" else "–",
        str(len(rows)),
        f"{_mean(rows, 'score'):.{digits}f}",
        *shares,
        f"{_mean(rows, 'bound'):.2f}",
        f"{_mean(rows, 'fit_cpu_s'):.2f}",
    ]


def _list_table(title, titles, lines):
    text = f".. list-table:: {title}\n   :header-rows: 1\n\n"
    for line in [titles, *lines]:
        text += "   * - " + "\n     - ".join(line) + "\n"
    return text + "\n"


def draw(rows, radii, path):
    """Accuracy over the share that is certified; R^2 over the constant."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    groups = _groups(rows)
    names = list(dict.fromkeys(row["data"] for row in rows))
    n_rows = -(-len(names) // 2)
    figure, axes = plt.subplots(
        n_rows, 2, figsize=(8.4, 3.4 * n_rows), layout="constrained", squeeze=False
    )
    for ax in axes.ravel()[len(names) :]:
        ax.set_visible(False)
    for ax, data in zip(axes.ravel(), names, strict=False):
        x = "certified_3" if data in radii else "bound"
        for family, (color, marker) in _STYLES.items():
            found = [g for k, g in groups.items() if k[:2] == (data, family)]
            points = [(_mean(g, x), _mean(g, "score")) for g in found]
            style = {"color": color, "marker": marker, "linewidth": 1, "markersize": 4}
            ax.plot(*zip(*points, strict=True), label=family, **style)
        ax.set(title=data, ylabel="accuracy in %" if data in radii else "R²")
        if data in radii:
            ax.set_xlabel(f"certified at {radii[data][2]:g}, in %")
        else:
            ax.set(xlabel="certified Lipschitz constant", xscale="log")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    figure.savefig(path, dpi=110)
