# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Options of the commands and what they accept; nothing that takes long to import."""

import argparse
import math

from sklip._cli._job import ESTIMATORS

__all__ = [
    "add_column_options",
    "add_estimator_options",
    "add_layout_options",
    "add_threat_options",
    "add_training_options",
    "number",
    "whole",
]


def add_threat_options(add):
    """What may change, and how far."""
    add(
        "--radius",
        dest="radii",
        nargs="+",
        type=number(0.0, math.inf, open_ends=True),
        metavar="R",
        help="radii to certify and attack, in standard deviations of the features "
        "(default: 0.25 0.5 1, for regression 0.05 0.1 0.25), or in the tolerances",
    )
    add(
        "--tolerance",
        nargs="+",
        type=_tolerance,
        metavar="COLUMN=T",
        help="the columns that may change, and by how much at radius 1: age=1.5, or "
        "age=0:5 for 0 down and 5 up",
    )
    add(
        "--norm",
        type=_norm,
        metavar="{1,2,inf}",
        help="how changes of several columns add up (default: 2, with --tolerance "
        "inf: each within its own)",
    )


def add_column_options(add):
    """Which columns of a file are used."""
    add("--drop", nargs="+", default=[], metavar="COLUMN", help="columns to leave out")
    add("--columns", nargs="+", default=[], metavar="COLUMN", help="only these columns")
    add(
        "--categorical",
        nargs="+",
        default=[],
        metavar="COLUMN",
        help="columns whose numbers are names: no perturbation changes them",
    )


def add_layout_options(add):
    """How a file is written."""
    add("--sep", type=_separator, metavar="CHAR", help="between fields (tab for a tab)")
    add("--decimal", choices=(".", ","), help="decimal mark of the numbers")
    add("--encoding", metavar="NAME", help="of the text (default: UTF-8, then cp1252)")
    add("--no-header", action="store_true", help="the first line is a row, not names")


def add_estimator_options(add):
    """Which network is trained."""
    add(
        "--estimator",
        choices=ESTIMATORS,
        help="how the first network is trained: with a penalty, of orthonormal layers "
        "for the radii asked, by ADMM, or with noise (default: bounded, whose "
        "certified accuracy is the highest unless few rows are mostly noise, which "
        "trial fits find out; for regression and with an option of the penalty: "
        "regularized)",
    )
    add(
        "--penalty",
        type=_penalty,
        metavar="NAME",
        help="penalty of --estimator regularized, by the name that the estimator "
        "knows, or none (default: spectral)",
    )
    add(
        "--lipschitz-weight",
        type=number(0.0, math.inf),
        metavar="W",
        help="weight of the penalty (default: that of the estimator, which without "
        "noise falls with the rows of long tables; for regression up to 30 times that, "
        "whichever predicts held-out training rows best)",
    )
    add(
        "--lipschitz-bound",
        type=number(0.0, math.inf, open_ends=True),
        metavar="L",
        help="bound that --estimator admm enforces on its network, which sees "
        "standardised numbers, instead of a weight; for regression also that of "
        "--estimator bounded (default: from 0.5 to 4, whichever predicts held-out "
        "training rows best)",
    )
    add(
        "--search",
        action="store_true",
        help="choose the radius of --estimator bounded, the weight of a penalty, or "
        "the bound, by cross-validated certified score",
    )
    add(
        "--noise-std",
        type=number(0.0, math.inf, open_ends=True),
        metavar="S",
        help="noise of --estimator noise, in standard deviations (default: 0.25)",
    )


def add_training_options(add):
    """How it is trained."""
    add(
        "--hidden-layer-sizes",
        nargs="+",
        type=whole(1),
        default=(64, 64),
        metavar="N",
        help="units of each hidden layer (default: 64 64)",
    )
    add(
        "--max-iter",
        type=whole(1),
        metavar="EPOCHS",
        help="most epochs (default: 200, bounded 80, fewer on large tables, at least "
        "20)",
    )
    add(
        "--device",
        choices=("cpu", "cuda", "auto"),
        default="cpu",
        help="where to train (default: %(default)s)",
    )
    add(
        "--random-state",
        type=whole(0),
        default=0,
        metavar="SEED",
        help="seed of split, weights and attack (default: %(default)s)",
    )


def _tolerance(text):
    """Name and tolerance of a column: one number, or a pair for down and up."""
    name, sign, numbers = text.rpartition("=")
    try:
        values = tuple(map(float, numbers.split(":")))
    except ValueError:
        values = ()
    sane = all(0.0 <= value < math.inf for value in values) and any(values)
    if not (sign and name and sane and len(values) in (1, 2)):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not like age=1.5, or age=0:5 for 0 down and 5 up"
        )
    return name, values[0] if len(values) == 1 else values


def _penalty(text):
    """A penalty that there is, or none."""
    # Imported here: whoever names one waits for torch anyway.
    from sklip.training import PENALTIES

    names = [*PENALTIES, "none"]
    if text not in names:
        raise argparse.ArgumentTypeError(
            f"invalid choice: {text!r} (choose from {', '.join(names)})"
        )
    return text


def _norm(text):
    """1, 2 or inf."""
    if text not in ("1", "2", "inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is none of 1, 2, inf")
    return float(text)


def _separator(text):
    text = {"tab": "\t", "\\t": "\t", "space": " "}.get(text, text)
    if len(text) != 1 or text in '"\n\r' or text.isalnum():
        raise argparse.ArgumentTypeError(f"{text!r} is no single separating character")
    return text


def number(low, high, open_ends=False):
    """A type of option: numbers between two ends."""

    def between(text):
        value = float(text)
        inside = low < value < high if open_ends else low <= value < high
        if not inside:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not between {low:g} and {high:g}"
            )
        return value

    return between


def whole(low):
    """A type of option: whole numbers from ``low`` on."""

    def integer(text):
        value = int(text)
        if not low <= value < 2**32:
            raise argparse.ArgumentTypeError(f"{text!r} is not at least {low}")
        return value

    return integer
