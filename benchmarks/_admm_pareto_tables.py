# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Tables and figure of admm_pareto.py."""

import numpy as np

__all__ = ["draw", "print_comparison", "write_tables"]

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


_SUMMARY_TITLES = ["data", "ADMM", "beside", "lower in", "median", "largest"]
_SUMMARY_TITLES += ["bound in use, least", "CPU time, median", "largest"]
# The pairs that were timed beside the plain fits in the file.
_NORMS = "spectral, weight decay"
_TIMED = ("enforce", _NORMS)


def _runs(rows):
    """Rows by data set, method, strength and seed."""
    return {
        tuple(row[name] for name in ("data", "method", "strength", "seed")): row
        for row in rows
    }


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


def write_tables(rows, path):
    """All tables as list-tables of the docs."""
    titles = ["data", "method", "strength, or bound of", "runs", "certified L", "score"]
    ratio_titles = ["data", "method", "bound of", "ratio of training losses, by seed"]
    text = _list_table(_SUMMARY_TITLES, _summary_lines(rows))
    text += _list_table(ratio_titles, _ratio_lines(rows))
    text += _list_table([*titles, "training loss", "CPU s"], _lines(rows))
    with open(path, "w") as file:
        file.write(text)


def _list_table(titles, lines):
    text = ".. list-table::\n   :header-rows: 1\n\n"
    for line in [titles, *lines]:
        text += "   * - " + "\n     - ".join(cell or "–" for cell in line) + "\n"
    return text + "\n"


def _lines(rows):
    for (data, method, strength), group in _groups(rows).items():
        yield [
            data,
            _LABELS.get(method, method),
            "" if method == "plain" else strength,
            str(len(group)),
            _mean_and_spread(group, "bound", 2),
            _mean_and_spread(group, "score", 3),
            _mean_and_spread(group, "train_loss", 4),
            f"{np.mean(_values(group, 'cpu_s')):.1f}",
        ]


def _ratios(rows):
    """Loss of ADMM over that of the net whose bound it was given, by seed."""
    runs, found = _runs(rows), {}
    for (data, method, strength, seed), row in runs.items():
        if not method.startswith("enforce"):
            continue
        reference = runs[data, *strength.rsplit(" ", 1), seed]
        ratio = float(row["train_loss"]) / float(reference["train_loss"])
        found.setdefault((data, method, strength), {})[int(seed)] = ratio
    return found


def _ratio_lines(rows):
    for (data, method, strength), by_seed in _ratios(rows).items():
        # Near 1 as many digits as tell on which side.
        cells = [
            f"{ratio:.4f}" if abs(ratio - 1.0) > 1e-3 else f"{ratio:.6f}"
            for _, ratio in sorted(by_seed.items())
        ]
        yield [data, _LABELS.get(method, method), strength, ", ".join(cells)]


def _summary_lines(rows):
    """By data set and kind of reference: losses, bounds and times of all pairs."""
    runs, pairs = _runs(rows), {}
    for (data, method, strength, seed), row in runs.items():
        if method.startswith("enforce"):
            kind, value = strength.rsplit(" ", 1)
            other = runs[data, kind, value, seed]
            group = "LipSDP penalty" if kind == "lipsdp" else _NORMS
            pairs.setdefault((data, method, group), []).append((row, other))
    for (data, method, group), found in sorted(pairs.items(), key=lambda p: p[0][2]):
        own, others = zip(*found, strict=True)
        losses = _values(own, "train_loss") / _values(others, "train_loss")
        used = _values(own, "bound") / _values(others, "bound")
        yield [
            *(data, _LABELS[method].removeprefix("ADMM, "), group),
            f"{np.sum(losses < 1.0)} of {len(losses)}",
            *(f"{ratio:.3f}" for ratio in (np.median(losses), losses.max())),
            f"{100 * used.min():.2f} %",
            *_times(runs, data, own if (method, group) == _TIMED else []),
        ]


def _times(runs, data, own):
    """Median and largest CPU time over that of the plain fit; nothing of no rows."""
    if not own:
        return ["", ""]
    plain = [row for key, row in runs.items() if key[:2] == (data, "plain")]
    times = _values(own, "cpu_s") / np.median(_values(plain, "cpu_s"))
    return [f"{ratio:.1f} x plain" for ratio in (np.median(times), times.max())]


def print_comparison(rows):
    """Ratios of the training losses, and what they come to."""
    for line in _ratio_lines(rows):
        print("{:21s} {:25s} {:19s} {}".format(*line))
    print(*_SUMMARY_TITLES, sep=" | ")
    for line in _summary_lines(rows):
        print(*line, sep=" | ")


def draw(rows, path):
    """Score, and training loss, against the certified bound; one column a data set."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import LogLocator, NullFormatter

    groups = _groups(rows)
    names = list(dict.fromkeys(data for data, _, _ in groups))
    n_columns = min(3, len(names))
    n_blocks = -(-len(names) // n_columns)
    figure, axes = plt.subplots(
        2 * n_blocks,
        n_columns,
        figsize=(3.2 * n_columns, 5.0 * n_blocks),
        layout="constrained",
        squeeze=False,
    )
    for ax in axes[:, len(names) - n_columns * n_blocks :][-2:].ravel():
        ax.set_visible(len(names) == n_columns * n_blocks)
    for k, name in enumerate(names):
        block, place = divmod(k, n_columns)
        column = axes[2 * block : 2 * block + 2, place]
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
        column[1].set(xlabel="certified L", xscale="log", yscale="log")
        for axis in (column[0].xaxis, column[1].xaxis, column[1].yaxis):
            axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            axis.set_major_formatter("{x:g}")
            axis.set_minor_formatter(NullFormatter())
    for top, bottom in zip(axes[::2, 0], axes[1::2, 0], strict=True):
        top.set_ylabel("accuracy or R², test")
        bottom.set_ylabel("training loss")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4)
    figure.savefig(path, dpi=100)
