# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Tables of tables.py for the documentation."""

import numpy as np

__all__ = ["write_report"]

_LABELS = {
    "sklearn": "scikit-learn",
    "plain": 'penalty="none"',
    "regularized": "regularised",
    "admm": "ADMM",
    "noise": "noise",
    "bounded": "bounded",
}


def write_report(rows, path):
    """Scores and convergence by table, and the summary of every model."""
    names = list(dict.fromkeys(row["table"] for row in rows))
    found = {(row["table"], row["model"]): row for row in rows}
    lines = [
        [name, *(_cell(found.get((name, model))) for model in _LABELS)]
        for name in names
    ]
    text = _list_table(["table", *_LABELS.values()], lines)
    lines = [
        [label, *_summary([row for row in rows if row["model"] == model])]
        for model, label in _LABELS.items()
    ]
    titles = ["model", "converged", "score beside scikit-learn's", "time of fit"]
    with open(path, "w", encoding="utf-8") as file:
        file.write(text + _list_table(titles, lines))


def _cell(row):
    if row is None:  # not measured yet
        return "–"
    return f"{float(row['score']):.3f} ({row['converged']})"


def _summary(rows):
    """Folds converged, mean difference of scores, geometric mean of time ratios."""
    done, folds = np.sum([list(map(int, r["converged"].split("/"))) for r in rows], 0)
    difference = np.mean([float(row["difference"]) for row in rows])
    ratio = np.exp(np.mean([np.log(float(row["time_ratio"])) for row in rows]))
    return [f"{done} of {folds}", f"{difference:+.4f}", f"{ratio:.2f}"]


def _list_table(titles, lines):
    text = ".. list-table::\n   :header-rows: 1\n\n"
    for line in [titles, *lines]:
        text += "   * - " + "\n     - ".join(line) + "\n"
    return text + "\n"
