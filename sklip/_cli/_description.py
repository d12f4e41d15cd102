# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""All that is needed to use a saved model: units, columns, data, proof."""

import hashlib
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from sklip import __version__
from sklip._cli._read import label_of

__all__ = ["data_hash", "describe"]

_MOST_VALUES = 1000


def describe(table, threat, radii, results, choice):
    """A dict for JSON about the first model of a report."""
    result = results[0]
    return {
        "format": 1,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": _versions(),
        "task": table.task,
        "target": table.target,
        "labels": _labels(table),
        "model": choice.description,
        "data": {
            "name": table.name,
            "sha256": data_hash(None if table.is_bundled else table.name),
            "training_rows": len(table.X_train),
            "test_rows": len(table.X_test),
        },
        "columns": [_column(table, name) for name in table.X_train.columns],
        "dates": table.dates,
        "left_out": table.kinds.dropped,
        "threat": threat.as_json(),
        "radii": list(radii),
        "metrics": [_metrics(r, table.task, radii) for r in results],
        "certificate": result.certificate.to_json(),
    }


def data_hash(path):
    """SHA-256 of a file; None without one."""
    if path is None:
        return None
    with open(Path(path), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _labels(table):
    """What kind the labels are; None for a regression."""
    if table.task == "regression":
        return None
    return "text" if table.y_train.dtype.kind == "U" else "whole numbers"


def _versions():
    packages = ("numpy", "pandas", "scikit-learn", "torch", "skops")
    found = {name: version(name) for name in packages}
    return {"sklip": __version__, "python": platform.python_version(), **found}


def _column(table, name):
    column = table.X_train[name]
    about = {"name": name, "type": str(column.dtype)}
    if name in table.kinds.numeric:
        low, high = float(column.min()), float(column.max())
        return about | {"kind": "number", "low": low, "high": high}
    kind = "flag" if name in table.kinds.flags else "category"
    filled = column.dropna()
    values = sorted({label_of(value) for value in filled.unique()})
    most = label_of(filled.mode().iloc[0])
    about["true_false"] = bool(filled.map(lambda v: v is True or v is False).all())
    # Of very many the encoder knows few, and the rest is one to it.
    values = values if len(values) <= _MOST_VALUES else None
    return about | {"kind": kind, "values": values, "most_frequent": most}


def _metrics(result, task, radii):
    name = "R2" if task == "regression" else "accuracy"
    fields = {"name": result.name, f"test_{name}": _number(result.score)}
    if task == "classification":
        fields["balanced_accuracy"] = _number(result.balanced)
    for label, values in (
        ("certified", result.certified),
        ("adversarial", result.adversarial),
        ("interval_width", result.widths),
    ):
        pairs = zip(radii, values, strict=False)
        fields |= {f"{label} at {r:g}": _number(value) for r, value in pairs}
    if result.certificate is not None:
        fields["lipschitz_bound"] = result.certificate.value
    return fields


def _number(value):
    return float(value) if np.isfinite(value) else None
