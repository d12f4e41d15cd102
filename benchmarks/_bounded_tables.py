# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Tables and figure of bounded.py for the documentation."""

import numpy as np

__all__ = ["MEMORY", "draw", "means_of", "write_tables"]

# First columns of the row of the peak memory, whose score is a number of copies.
MEMORY = ("memory", "bounded", "60,000 images", 0, 0)

_LABELS = {
    "bounded": "bounded by construction",
    "spectral": "spectral penalty",
    "ADMM": "ADMM",
    "deel": "deel-torchlip",
    "orthogonium": "orthogonium",
    "sandwich": "sandwich layers",
}


def means_of(rows):
    """Means over splits and seeds, by (data, model, setting)."""
    groups = {}
    for row in rows:
        groups.setdefault((row["data"], row["model"], row["setting"]), []).append(row)
    return {key: _means(group) for key, group in groups.items()}


def _means(group):
    means = {
        name: np.mean([float(row[name]) for row in group])
        for name in group[0]
        if name not in ("data", "model", "setting", "violations", "points")
        and all(row[name] for row in group)
    }
    for name in ("violations", "points"):
        means[name] = sum(int(row[name]) for row in group if row[name])
    return {**means, "runs": len(group)}


def write_tables(rows, radii, path):
    """Both tables as list-tables of the docs."""
    means = means_of(rows)
    memory = means.pop(MEMORY[:3], None)
    titles = ["data", "model", "setting", "runs", "accuracy"]
    titles += [f"at {radius:g}" for radius in radii] + ["CPU s", "x plain"]
    lines = [
        [data, _LABELS[model], setting, str(found["runs"]), f"{found['score']:.1f}"]
        + [f"{found[f'certified_{radius}']:.1f}" for radius in radii]
        + _times(found)
        for (data, model, setting), found in means.items()
        if f"certified_{radii[0]}" in found
    ]
    text = _list_table(titles, lines)
    lines = [
        [data, _LABELS[model], setting, str(found["runs"]), f"{found['score']:.4f}"]
        + [f"{found['bound']:.4f}", *_times(found)]
        for (data, model, setting), found in means.items()
        if f"certified_{radii[0]}" not in found
    ]
    titles = ["data", "model", "largest L", "runs", "R²", "proven L", "CPU s"]
    titles.append("x plain")
    text += _list_table(titles, lines) if lines else ""
    tried = sum(found["points"] for found in means.values())
    if tried:
        flips = sum(found["violations"] for found in means.values())
        text += (
            f"Inside certified balls of the networks bounded by construction {tried:,} "
            "points were tried, at random on the spheres, by PGD and by a search for "
            f"the nearest flip: {flips} of them change the prediction.\n\n"
        )
    if memory is not None:
        text += (
            f"A fit on {MEMORY[2]} of MNIST adds {memory['score']:.2f} copies of the "
        )
        text += "array given to the process at its peak.\n"
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def _times(found):
    """Seconds, and how often a plain loop in torch would fit into them."""
    seconds, plain = found["fit_cpu_s"], found["plain_cpu_s"]
    return [f"{seconds:.1f}", f"{seconds / plain:.1f}"]


def _list_table(titles, lines):
    text = ".. list-table::\n   :header-rows: 1\n\n"
    for line in [titles, *lines]:
        text += "   * - " + "\n     - ".join(line) + "\n"
    return text + "\n"


def draw(rows, radii, path):
    """Clean and certified accuracy over the radius, one panel for each data set."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    means = {k: v for k, v in means_of(rows).items() if f"certified_{radii[0]}" in v}
    names = list(dict.fromkeys(data for data, _, _ in means))
    n_rows = -(-len(names) // 2)
    _, axes = plt.subplots(
        n_rows, 2, figsize=(9.0, 4.4 * n_rows), layout="constrained", squeeze=False
    )
    for ax in axes.ravel()[len(names) :]:
        ax.set_visible(False)
    for ax, name in zip(axes.ravel(), names, strict=False):
        for (data, model, setting), found in means.items():
            if data == name:
                values = [found["score"], *(found[f"certified_{r}"] for r in radii)]
                style = "-o" if model == "bounded" else "--."
                label = f"{_LABELS[model]}, {setting}"
                ax.plot([0.0, *radii], values, style, label=label)
        ax.set(title=name, xlabel="radius (l2)", ylabel="certified accuracy in %")
        below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.14), "ncols": 2}
        ax.legend(fontsize=7, frameon=False, **below)
    plt.savefig(path, dpi=110)
