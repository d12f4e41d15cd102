# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""``python -m sklip``: train and certify on a CSV file, or on bundled data."""

import argparse
import io
import math
import sys

from sklip import __version__
from sklip._cli import ESTIMATORS, Job, JobError, _verify, check_job

__all__ = ["main"]

_DESCRIPTION = """\
Train a Lipschitz-regularised network beside the same network without penalty, prove
how robust both are, attack them, and print a table.

Without a file: breast cancer, bundled with scikit-learn. With a CSV file (separated by
commas, semicolons or tabs, with a header; also Parquet and Excel): the column --target
is predicted from all others. Numbers may be written in local notation (decimal commas,
units, currencies); they are standardised, text and true/false one-hot encoded, missing
values (empty, NA, ? ...) imputed by the median or the most frequent value. What is
left out (columns that are empty, constant or number the rows, rows without a target),
read in another notation, or predicts the target all by itself, the report says first. A
perturbation changes numbers only."""

_TASK_RULE = """\
Another command decides properties of networks from elsewhere:
python -m sklip verify NETWORK.onnx PROPERTY.vnnlib

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
        if argv[:1] == ["verify"]:
            _verify.run(_command_parser("verify", _verify).parse_args(argv[1:]))
            return 0
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
    _add_estimator_options(add)
    add(
        "--radius",
        dest="radii",
        nargs="+",
        type=_number(0.0, math.inf, open_ends=True),
        metavar="R",
        help="radii to certify and attack, in standard deviations of the features "
        "(default: 0.25 0.5 1, for regression 0.05 0.1 0.25), or in the tolerances",
    )
    _add_threat_options(add)
    add(
        "--test-size",
        type=_number(0.0, 1.0, open_ends=True),
        default=0.25,
        metavar="SHARE",
        help="share of the rows that is held out (default: %(default)s)",
    )
    _add_training_options(add)
    _add_file_options(parser.add_argument_group("the file").add_argument)
    add(
        "--no-baselines",
        dest="baselines",
        action="store_false",
        help="leave the linear model and the boosted trees out",
    )
    add("--group", metavar="COLUMN", help="report scores by the values of this column")
    add("--plot", metavar="FILE", help="draw certified accuracy over the radius")
    add("--save", metavar="MODEL.skops", help="write the first model with skops")
    add("--version", action="version", version=f"sklip {__version__}")
    return parser


def _add_threat_options(add):
    add(
        "--tolerance",
        nargs="+",
        type=tolerance,
        metavar="COLUMN=T",
        help="the columns that may change, and by how much at radius 1: age=1.5, or "
        "age=0:5 for 0 down and 5 up",
    )
    add(
        "--norm",
        type=norm,
        metavar="{1,2,inf}",
        help="how changes of several columns add up (default: 2, with --tolerance "
        "inf: each within its own)",
    )


def _add_file_options(add):
    add("--drop", nargs="+", default=[], metavar="COLUMN", help="columns to leave out")
    add("--columns", nargs="+", default=[], metavar="COLUMN", help="only these columns")
    add(
        "--categorical",
        nargs="+",
        default=[],
        metavar="COLUMN",
        help="columns whose numbers are names: no perturbation changes them",
    )
    add("--sep", type=_separator, metavar="CHAR", help="between fields (tab for a tab)")
    add("--decimal", choices=(".", ","), help="decimal mark of the numbers")
    add("--encoding", metavar="NAME", help="of the text (default: UTF-8, then cp1252)")
    add("--no-header", action="store_true", help="the first line is a row, not names")


def tolerance(text):
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


def norm(text):
    """1, 2 or inf."""
    if text not in ("1", "2", "inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is none of 1, 2, inf")
    return float(text)


def _separator(text):
    text = {"tab": "\t", "\\t": "\t", "space": " "}.get(text, text)
    if len(text) != 1 or text in '"\n\r' or text.isalnum():
        raise argparse.ArgumentTypeError(f"{text!r} is no single separating character")
    return text


def _add_estimator_options(add):
    add(
        "--estimator",
        choices=ESTIMATORS,
        default="regularized",
        help="how the first network is trained: with a penalty, of orthonormal layers "
        "for the radius asked (the largest of --radius), by ADMM, or with noise "
        "(default: %(default)s)",
    )
    add(
        "--penalty",
        choices=("spectral", "product", "jacobian", "lipsdp", "none"),
        help="penalty of --estimator regularized (default: spectral)",
    )
    add(
        "--lipschitz-weight",
        type=_number(0.0, math.inf),
        metavar="W",
        help="weight of the penalty (default: 0.1, for regression 0.01; admm: 0.01, "
        "for regression 0.003; noise: 10, for regression 0.1)",
    )
    add(
        "--lipschitz-bound",
        type=_number(0.0, math.inf, open_ends=True),
        metavar="L",
        help="bound that --estimator admm enforces on its network, which sees "
        "standardised numbers, instead of a weight; for regression also that of "
        "--estimator bounded (default: 1)",
    )
    add(
        "--noise-std",
        type=_number(0.0, math.inf, open_ends=True),
        metavar="S",
        help="noise of --estimator noise, in standard deviations (default: 0.25)",
    )


def _add_training_options(add):
    add(
        "--hidden-layer-sizes",
        nargs="+",
        type=_whole(1),
        default=(64, 64),
        metavar="N",
        help="units of each hidden layer (default: 64 64)",
    )
    add(
        "--max-iter",
        type=_whole(1),
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
        type=_whole(0),
        default=0,
        metavar="SEED",
        help="seed of split, weights and attack (default: %(default)s)",
    )


def _number(low, high, open_ends=False):
    def number(text):
        value = float(text)
        inside = low < value < high if open_ends else low <= value < high
        if not inside:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not between {low:g} and {high:g}"
            )
        return value

    return number


def _whole(low):
    def integer(text):
        value = int(text)
        if not low <= value < 2**32:
            raise argparse.ArgumentTypeError(f"{text!r} is not at least {low}")
        return value

    return integer


if __name__ == "__main__":
    # A name from the data that the terminal cannot show is no reason to fail.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    sys.exit(main())
