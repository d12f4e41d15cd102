# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""``python -m sklip``: train and certify on a CSV file, or on bundled data."""

import argparse
import gc
import io
import os
import sys

from sklip import __version__
from sklip._cli import Job, JobError, _certify, _check, _verify, check_job
from sklip._cli._options import (
    add_column_options,
    add_estimator_options,
    add_layout_options,
    add_threat_options,
    add_training_options,
    number,
    whole,
)

__all__ = ["main"]

_DESCRIPTION = """\
Train a network to be robust beside one of that size without any penalty, prove how
robust both are, attack them, and print a table.

Without a file: breast cancer, bundled with scikit-learn. With a CSV file (separated by
commas, semicolons or tabs, with a header; also Parquet and Excel): the column --target
is predicted from all others. Numbers may be written in local notation (decimal commas,
units, currencies); they are standardised, text and true/false one-hot encoded, missing
values (empty, NA, ? ...) imputed by the median or the most frequent value. What is
left out (columns that are empty, constant or number the rows, rows without a target),
read in another notation, or predicts the target all by itself, the report says first. A
perturbation changes numbers only."""

_COMMANDS = {"certify": _certify, "check": _check, "verify": _verify}

_TASK_RULE = """\
Other commands (each has a --help of its own):
python -m sklip certify MODEL new.csv        a saved model for new rows
python -m sklip check MODEL                  is its certificate still proven?
python -m sklip verify NET.onnx PROP.vnnlib  decide a property of any network

The task is classification if the target is text or true/false, has two values, or has
at most 10 values that are all whole numbers; else regression. --task overrides this.

Exit code: 0, or 2 after an error, which is one sentence on stderr."""


_OF_A_FILE = (
    "target",
    "task",
    "drop",
    "columns",
    "categorical",
    "sep",
    "decimal",
    "encoding",
    "no_header",
    "group",
)


class _Parser(argparse.ArgumentParser):
    """Errors are raised, so that they end like all others."""

    def error(self, message):
        """Raise instead of printing the usage."""
        raise JobError(f"{message.rstrip('.')} (--help lists the options).")


def main(argv=None):
    """Run the command line; the exit code."""
    argv = list(sys.argv[1:] if argv is None else argv)
    try:
        if argv[:1] and argv[0] in _COMMANDS:
            command = _COMMANDS[argv[0]]
            options = _command_parser(argv[0], command).parse_args(argv[1:])
            return command.run(options) or 0
        job = _parse(argv[1:] if argv[:1] == ["train"] else argv)
        # Imported here: --help and a refused option answer without torch.
        from sklip._cli._run import run

        run(job)
    except JobError as error:
        print(f"sklip: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("sklip: interrupted.", file=sys.stderr)
        return 130
    return 0


def _command_parser(name, command):
    parser = _Parser(
        prog=f"python -m sklip {name}",
        description=command.DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.add_options(parser)
    return parser


def _parse(argv):
    options = _parser().parse_args(argv)
    if options.csv is None:
        for name in _OF_A_FILE:
            if getattr(options, name) not in (None, [], False):
                option = name.replace("_", "-")
                raise JobError(f"--{option} needs a CSV file before it.")
    elif options.target is None:
        raise JobError("Name the column to predict with --target COLUMN.")
    options.hidden_layer_sizes = tuple(options.hidden_layer_sizes)
    job = Job(**vars(options))
    check_job(job)
    return job


def _parser():
    parser = _Parser(
        prog="python -m sklip",
        description=_DESCRIPTION,
        epilog=_TASK_RULE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("csv", nargs="?", metavar="data.csv", help="table to learn from")
    add("--target", metavar="COLUMN", help="column to predict")
    add("--task", choices=("classification", "regression"), help="default: see below")
    add_estimator_options(add)
    add_threat_options(add)
    add(
        "--test-size",
        type=number(0.0, 1.0, open_ends=True),
        default=0.25,
        metavar="SHARE",
        help="share of the rows that is held out (default: %(default)s)",
    )
    add_training_options(add)
    file = parser.add_argument_group("the file").add_argument
    add_column_options(file)
    add_layout_options(file)
    add(
        "--no-baselines",
        dest="baselines",
        action="store_false",
        help="leave the linear model and the boosted trees out",
    )
    add("--group", metavar="COLUMN", help="report scores by the values of this column")
    add(
        "--report",
        metavar="FILE",
        help="write one line for each test row to a .csv or .html file",
    )
    add(
        "--explain",
        type=whole(1),
        metavar="K",
        help="say what would flip the K test rows that are nearest to flipping",
    )
    add("--plot", metavar="FILE", help="draw certified accuracy over the radius")
    add("--save", metavar="MODEL.skops", help="write the first model with skops")
    add("--version", action="version", version=f"sklip {__version__}")
    return parser


if __name__ == "__main__":
    # Most objects come from imports and stay: to search them for garbage again and
    # again, and once more at the end, takes a second.
    gc.set_threshold(200_000, 20, 100)
    # A name from the data that the terminal cannot show is no reason to fail.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads this, as head does, has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = 0
    gc.freeze()
    sys.exit(code)
