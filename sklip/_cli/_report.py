# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The printed table and the sentences around it."""

import math
import textwrap

import numpy as np

from sklip._cli._baselines import FITTED_ROWS
from sklip._cli._errors import counted
from sklip._cli._groups import group_tables, has_rare_classes

__all__ = ["layout", "report", "round_down", "round_up", "wrapped"]

_WIDTH = 79


def report(table, threat, results, rows, radii, group=None):
    """Text of the whole report; ASCII, except for names from the data."""
    lines = [*_heading(table), ""]
    lines += layout(_cells(table, results, rows, radii))
    for cells in group_tables(table, results[0], rows, radii, group):
        lines += ["", *layout(cells)]
    lines += ["", *_explanation(table, threat, results, rows)]
    return "\n".join(lines)


def _heading(table):
    kinds = table.kinds
    what = f"Regression of {table.target!r}"
    if table.task == "classification":
        n_classes = len(np.unique(table.y_train))
        what = f"Classification of {table.target!r} ({n_classes} classes)"
    features = counted(len(kinds.numeric), "numeric feature")
    n_fixed = len(kinds.categorical) + len(kinds.flags)
    if n_fixed:
        features += f", {n_fixed} categorical (one-hot; no perturbation changes them)"
    sizes = ", ".join(
        [
            counted(len(table.X_train), "training row"),
            counted(len(table.X_test), "test row"),
        ]
    )
    notes = [line for note in table.notes for line in wrapped(note)]
    return [*wrapped(f"{what} in {table.name}: {sizes}, {features}."), *notes]


def _cells(table, results, rows, radii):
    """Rows of the table: a label and one text for each result."""
    yield "", [r.name for r in results]
    part = len(rows) < len(table.X_test)
    if table.task == "regression":
        yield "test R2", [f"{r.score:.3f}" for r in results]
        for k, radius in enumerate(radii):
            label = f"interval width, radius {radius:g}"
            yield label, [round_up(r.widths[k]) if r.widths else "" for r in results]
    else:
        yield from _accuracies(table, results, radii, part)
    proven = [r.certificate for r in results]
    methods = ", ".join(dict.fromkeys(c.method for c in proven if c))
    label = f"Lipschitz bound ({methods})"
    yield label, [round_up(c.value) if c else "" for c in proven]
    yield "fit time", [f"{r.fit_seconds:.1f} s" for r in results]
    yield "epochs", ["" if r.n_epochs is None else f"{r.n_epochs}" for r in results]


def _accuracies(table, results, radii, part):
    yield "test accuracy", [f"{r.score:.3f}" for r in results]
    if has_rare_classes(table):
        yield "balanced accuracy", [f"{r.balanced:.3f}" for r in results]
    measured = [r.holding is not None for r in results]
    if part:
        n = len(results[0].holding.correct)
        yield f"on {n} test rows", _shares(measured, results, lambda r: r.clean)
    for k, radius in enumerate(radii):
        label = f"radius {radius:g}"
        shares = _shares(measured, results, lambda r, k=k: r.adversarial[k])
        yield f"{label}: adversarial", shares
        label = " " * len(label)
        shares = _shares(measured, results, lambda r, k=k: r.certified[k])
        yield f"{label}  certified", shares


def _shares(measured, results, share):
    pairs = zip(measured, results, strict=True)
    return [f"{share(result):.3f}" if known else "" for known, result in pairs]


def layout(cells):
    """Lines of a table: labels to the left, numbers to the right, a rule."""
    labels, texts = zip(*cells, strict=True)
    label_width = max(map(len, labels))
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    for k, (label, row) in enumerate(zip(labels, texts, strict=True)):
        numbers = (text.rjust(w) for text, w in zip(row, widths, strict=True))
        yield "   ".join([label.ljust(label_width), *numbers]).rstrip()
        if k == 0:
            yield "-" * (label_width + sum(w + 3 for w in widths))


def _explanation(table, threat, results, rows):
    sentences = [threat.describe()]
    if table.task == "regression":
        sentences.append(_about_intervals(table, threat))
    else:
        sentences += _about_shares(table, threat)
    if len(rows) < len(table.X_test):
        sentences.append(
            f"What is certified or attacked is measured on {len(rows)} test rows, "
            "drawn at random."
        )
    if any(r.name == "boosting" for r in results):
        sentences.append(_about_baselines(table))
    return [line for sentence in sentences for line in wrapped(sentence)]


def _about_intervals(table, threat):
    spread = float(np.std(table.y_test))
    return (
        "Interval: certified, no such change moves the prediction out of it. Its mean "
        f"width is in the units of {table.target!r}, whose standard deviation is "
        f"{spread:.3g}; the bound is in these units per {threat.short_unit}. R2 is 0 "
        "for whoever predicts the mean."
    )


def _about_shares(table, threat):
    labels, counts = np.unique(table.y_train, return_counts=True)
    most = labels[counts.argmax()]
    share = float(np.mean(table.y_test == most))
    yield (
        "Adversarial: share of rows still right after an attack (projected gradient, "
        "10 starts). Certified: share proven to stay right whatever the change. "
        "Always certified <= adversarial <= accuracy. Who always says "
        f"{str(most)!r}, the most frequent class, is right in {share:.3f} of the rows."
    )
    yield (
        f"The bound is the proven largest change of the logits per {threat.short_unit}."
    )


def _about_baselines(table):
    kind = "ridge" if table.task == "regression" else "logistic"
    text = (
        f"linear: {kind} regression, certified as well. boosting: boosted trees, of "
        "which nothing is proven."
    )
    if len(table.X_train) > FITTED_ROWS:
        text += f" Both are fitted on {FITTED_ROWS} of the training rows."
    return text


def wrapped(text):
    """Lines of a sentence."""
    return textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False)


def round_up(value):
    """Three significant digits, never below the value: what is proven stays proven."""
    if not 0 < value < math.inf:
        return f"{value:g}"
    unit = 10.0 ** (math.floor(math.log10(value)) - 2)
    return f"{math.ceil(value / unit) * unit:.3g}"


def round_down(value):
    """Three significant digits, never above the value."""
    if not 0 < value < math.inf:
        return f"{value:g}"
    unit = 10.0 ** (math.floor(math.log10(value)) - 2)
    return f"{math.floor(value / unit) * unit:.3g}"
