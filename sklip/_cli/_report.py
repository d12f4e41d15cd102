# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The printed table and the sentences around it."""

import math
import textwrap

import numpy as np

from sklip._cli._errors import counted

__all__ = ["report"]

_WIDTH = 79


def report(table, results, rows, radii):
    """Text of the whole report; ASCII, except for names from the data."""
    lines = [*_heading(table), ""]
    lines += _layout(_cells(table, results, rows, radii))
    lines += ["", *_explanation(table, rows)]
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
    notes = [line for note in table.notes for line in _wrap(note)]
    return [*_wrap(f"{what} in {table.name}: {sizes}, {features}."), *notes]


def _cells(table, results, rows, radii):
    """Rows of the table: a label and one text for each result."""
    yield "", [r.name for r in results]
    if table.task == "regression":
        yield "test R2", [f"{r.score:.3f}" for r in results]
        for k, radius in enumerate(radii):
            label = f"certified interval width, radius {radius:g}"
            yield label, [round_up(r.widths[k]) for r in results]
    else:
        yield from _accuracies(table, results, rows, radii)
    methods = ", ".join(dict.fromkeys(r.certificate.method for r in results))
    label = f"certified Lipschitz bound ({methods})"
    yield label, [round_up(r.certificate.value) for r in results]
    yield "fit time", [f"{r.fit_seconds:.1f} s" for r in results]
    yield "epochs", [f"{r.n_epochs}" for r in results]


def _accuracies(table, results, rows, radii):
    yield "test accuracy", [f"{r.score:.3f}" for r in results]
    if len(rows) < len(table.X_test):
        label = f"accuracy on {len(rows)} of the test rows"
        yield label, [f"{r.clean:.3f}" for r in results]
    for k, radius in enumerate(radii):
        label = f"radius {radius:g}"
        yield f"{label}: adversarial", [f"{r.adversarial[k]:.3f}" for r in results]
        label = " " * len(label)
        yield f"{label}  certified", [f"{r.certified[k]:.3f}" for r in results]


def _layout(cells):
    labels, texts = zip(*cells, strict=True)
    label_width = max(map(len, labels))
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    for k, (label, row) in enumerate(zip(labels, texts, strict=True)):
        numbers = (text.rjust(w) for text, w in zip(row, widths, strict=True))
        yield "   ".join([label.ljust(label_width), *numbers]).rstrip()
        if k == 0:
            yield "-" * (label_width + sum(w + 3 for w in widths))


def _explanation(table, rows):
    ball = (
        "The radius is a multiple of each feature's standard deviation in the training "
        "rows: at radius r the numeric features may change by any delta with "
        "sqrt(sum_j (delta_j / std_j)^2) <= r."
    )
    if table.task == "regression":
        spread = float(np.std(table.y_test))
        return [
            *_wrap(ball),
            *_wrap(
                "Certified interval: no such change moves the prediction out of it. "
                f"Its width is in the units of {table.target!r}, whose standard "
                f"deviation is {spread:.3g}; the bound is in these units per standard "
                "deviation of the features."
            ),
        ]
    shares = (
        "Adversarial: share of rows still right after an attack (projected gradient, "
        "10 starts). Certified: share proven to stay right whatever the change. "
        "Always certified <= adversarial <= accuracy."
    )
    if len(rows) < len(table.X_test):
        shares += (
            f" Both are measured on the same {len(rows)} test rows, drawn at random, "
            "as the attack is slow."
        )
    bound = (
        "The bound is the proven largest change of the logits per standard deviation "
        "of the features."
    )
    return [*_wrap(ball), *_wrap(shares), *_wrap(bound)]


def _wrap(text):
    return textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False)


def round_up(value):
    """Three significant digits, never below the value: what is proven stays proven."""
    if not 0 < value < math.inf:
        return f"{value:g}"
    unit = 10.0 ** (math.floor(math.log10(value)) - 2)
    return f"{math.ceil(value / unit) * unit:.3g}"
