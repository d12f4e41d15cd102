# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The VNN competition's fully connected benchmarks, property by property.

    python benchmarks/verifiers.py FOLDER --output benchmarks/verifiers.csv

FOLDER holds ``acasxu`` and ``mnist_fc`` as the competition ships them (instances.csv,
networks and properties, packed or not). For each property: the answer, CPU seconds on
one thread without reading the files, and the parts that were bounded; --seconds limits
the CPU seconds of each. ``--summary`` prints what a finished table says.

The column "published" has the answer that the tools of the competition agreed on, from
files that ``--published`` names (results.csv of any of them; "-" where none has an
answer). An answer that contradicts it ends the run.
"""

import csv
import gzip
import time
from pathlib import Path

import numpy as np
import torch
from _harness import Table, parse

from sklip import FeedForward, Specification, verify_specification

torch.set_num_threads(1)

COLUMNS = ["benchmark", "network", "property", "answer"]
COLUMNS += ["published", "cpu_s", "parts", "lower"]
WORDS = {"unsat": "verified", "holds": "verified"}
WORDS |= {"sat": "falsified", "violated": "falsified"}
BENCHMARKS = ("acasxu", "mnist_fc")


def content(path):
    """Bytes of a file that may be packed."""
    if path.exists():
        return path.read_bytes()
    return gzip.decompress(path.with_name(path.name + ".gz").read_bytes())


def answer(folder, network, prop, seconds):
    """Answer, CPU seconds, parts and the least margin proven."""
    model = FeedForward.from_onnx(content(folder / network))
    specification = Specification.from_text(content(folder / prop).decode())
    start = time.process_time()
    found = verify_specification(model, specification, time_limit=seconds)
    used = time.process_time() - start
    if found.status == "falsified":
        outputs = model.forward(found.point[None])
        assert specification.is_violated(found.point[None], outputs)[0]
    return found.status, f"{used:.3f}", found.n_parts, f"{found.lower:.6g}"


def published(files):
    """Answers by benchmark, network and property; tools must not contradict."""
    found = {}
    for file in files:
        with open(file, newline="", encoding="utf-8") as rows:
            for benchmark, network, prop, _, word, *_ in csv.reader(rows):
                key = benchmark, Path(network).stem, Path(prop).stem
                answer = WORDS.get(word)
                if answer is not None:
                    assert found.setdefault(key, answer) == answer, key
    return found


def measured(folder, network, prop, seconds, known):
    """The columns of a property, ``known`` the answer published or "-"."""
    status, *others = answer(folder, network, prop, seconds)
    if {status, known} == {"verified", "falsified"}:
        raise AssertionError(f"{network}, {prop}: {status}, published {known}")
    return status, known, *others


def instances(folder):
    """Pairs of network and property."""
    lines = (folder / "instances.csv").read_text().splitlines()
    return [line.split(",")[:2] for line in lines if line]


def summarise(table):
    """Answers and times of each benchmark's networks."""
    for benchmark in BENCHMARKS:
        rows = table.find(benchmark)
        for network in sorted({r["network"].split("_")[0] for r in rows}):
            some = [r for r in rows if r["network"].startswith(network)]
            times = np.array([float(r["cpu_s"]) for r in some])
            counts = {
                a: sum(r["answer"] == a for r in some)
                for a in ("verified", "falsified", "unknown")
            }
            print(
                benchmark,
                network,
                counts,
                f"median {np.median(times):.2f} s, largest {times.max():.1f} s, "
                f"all {times.sum():.1f} s",
            )


def main():
    """Fill the table."""

    options = parse(
        __doc__,
        FOLDER={"type": Path},
        seconds=116.0,
        only={"choices": BENCHMARKS},
        summary={"action": "store_true"},
        published={"nargs": "*", "default": [], "type": Path},
    )
    known = published(options.published)
    table = Table(options.output, COLUMNS)
    if options.summary:
        summarise(table)
        return
    for benchmark in BENCHMARKS:
        if options.only not in (None, benchmark):
            continue
        folder = options.folder / benchmark
        for network, prop in instances(folder):
            key = benchmark, Path(network).stem, Path(prop).stem
            told = known.get(key, "-")
            arguments = folder, network, prop, options.seconds, told
            table.fill(key, lambda a=arguments: measured(*a))


if __name__ == "__main__":
    main()
