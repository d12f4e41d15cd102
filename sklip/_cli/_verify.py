# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""``python -m sklip verify``: decide a VNN-LIB property of an ONNX network."""

import argparse
import gzip
from pathlib import Path

from sklip._cli._errors import JobError, one_sentence

__all__ = ["add_options", "run"]

DESCRIPTION = """\
Decide whether any input that a VNN-LIB property names has an output that it calls
unsafe. Prints unsat (none has: proven, rounding included), sat with such an input and
its output, or unknown when time ran out."""


def add_options(parser):
    """Options of the command."""
    parser.add_argument("network", metavar="NETWORK.onnx", help="may end in .gz")
    parser.add_argument("property", metavar="PROPERTY.vnnlib", help="may end in .gz")
    parser.add_argument(
        "--time-limit",
        type=_seconds,
        default=60.0,
        metavar="S",
        help="seconds (default: %(default)g)",
    )
    parser.add_argument(
        "--output",
        metavar="NAME",
        help="tensor of the graph that is the network's output, if it has several",
    )


def _seconds(text):
    value = float(text)
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no positive number")
    return value


def run(options):
    """Print the answer."""
    # Imported here: --help answers without torch.
    from sklip import verify_specification
    from sklip.bounds import network_from_onnx, view_of

    model = _read(options.network)
    try:
        network = network_from_onnx(model, options.output)
        specification = _specification(_read(options.property))
        found = verify_specification(
            network, specification, time_limit=options.time_limit
        )
    except (ImportError, TypeError, ValueError) as error:
        raise JobError(f"{one_sentence(error)}.") from error
    answers = {"verified": "unsat", "falsified": "sat"}
    print(answers.get(found.status, "unknown"))
    if found.status == "falsified":
        point = found.point[None]
        (outputs,) = view_of(network, point).network.forward(point)
        _print_point("X", found.point)
        _print_point("Y", outputs)
    elif found.status == "unknown":
        print(f"parts bounded: {found.n_parts}, least margin proven: {found.lower:.6g}")


def _print_point(kind, values):
    for i, value in enumerate(values):
        print(f"({kind}_{i} {value.item()!r})")


def _read(name):
    try:
        content = Path(name).read_bytes()
        return gzip.decompress(content) if name.endswith(".gz") else content
    except OSError as error:
        why = error.strerror or one_sentence(error)
        raise JobError(f"Cannot read {name!r}: {why}.") from error


def _specification(content):
    from sklip.certification import Specification

    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError("The property is no text file") from error
    return Specification.from_text(text)
