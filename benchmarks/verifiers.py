# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The VNN competition's fully connected benchmarks, property by property.

    python benchmarks/verifiers.py FOLDER --output benchmarks/verifiers.csv

FOLDER holds ``acasxu`` and ``mnist_fc`` as the competition ships them (instances.csv,
networks and properties, packed or not); "-" leaves both out. For each property: the
answer, CPU seconds on one thread without reading the files, and the parts that were
bounded; --seconds limits the CPU seconds of each. ``--summary`` prints what a finished
table says.

With ``--nets`` a folder of networks trained on tables (NAME.npz with W0, b0, W1, ...,
and NAME_cases.npz with x and the radii) each is verified around its rows, and scored by
method="best", in linf and l2: a row says how many are verified or certified, falsified
and unknown.

The column "published" has the answer that the tools of the competition agreed on, from
files that ``--published`` names (results.csv of any of them; "-" where none has an
answer). An answer that contradicts it ends the run.

"version" is the commit whose code a row was measured with; with ``--again`` rows of
other versions are measured anew, each in its place. ``--match`` names a part of the
keys that are asked for.
"""

import csv
import gzip
import time
from itertools import product
from pathlib import Path

import numpy as np
import torch
from _harness import Table, commit, parse

from sklip import (
    FeedForward,
    Specification,
    verify_robustness,
    verify_specification,
)
from sklip.certification import is_certified

torch.set_num_threads(1)
# Limits are of CPU seconds, since others may use the machine.
time.monotonic = time.process_time

COLUMNS = ["benchmark", "network", "property", "answer"]
COLUMNS += ["published", "cpu_s", "parts", "lower", "version"]
WORDS = {"unsat": "verified", "holds": "verified"}
WORDS |= {"sat": "falsified", "violated": "falsified"}
BENCHMARKS = ("acasxu", "mnist_fc")
NETS = ("wine_32", "digits_64", "digits_128_128", "cancer_64_64")


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


def of_rows(folder, name, norm, how, seconds):
    """The columns of one network around all its rows."""
    arrays, cases = (
        np.load(folder / f"{name}.npz"),
        np.load(folder / f"{name}_cases.npz"),
    )
    layers = range(sum(key.startswith("W") for key in arrays))
    network = FeedForward(
        [arrays[f"W{k}"].astype(float) for k in layers],
        [arrays[f"b{k}"].astype(float) for k in layers],
        activation="relu",
    )
    X, radius = cases["x"].astype(float), float(cases[f"eps_{norm}"])
    ball = {"radius": radius, "norm": {"linf": np.inf, "l2": 2}[norm]}
    start, parts = time.process_time(), "-"
    if how == "best":
        n = int(is_certified(network, X, **ball).sum())
        counts = f"{n} certified of {len(X)}"
    else:
        found = verify_robustness(network, X, time_limit=seconds * len(X), **ball)
        parts = sum(result.n_parts for result in found)
        words = ("verified", "falsified", "unknown")
        status = [result.status for result in found]
        counts = " ".join(f"{status.count(word)} {word}" for word in words)
    used = time.process_time() - start
    return counts, "-", f"{used:.3f}", parts, "-"


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


def fill(table, key, options, measure):
    """Measure a row that is missing, or of another version and wanted again."""
    version, rows = commit(), table.find(*key)
    if options.match not in " ".join(key):
        return
    if not rows:
        table.fill(key, lambda: [*measure(), version])
    elif options.again and rows[0]["version"] != version:
        table.replace(key, lambda: [*measure(), version])


def main():
    """Fill the table."""

    options = parse(
        __doc__,
        FOLDER={"type": Path},
        seconds=116.0,
        only={"choices": BENCHMARKS},
        summary={"action": "store_true"},
        published={"nargs": "*", "default": [], "type": Path},
        nets={"type": Path},
        again={"action": "store_true"},
        match="",
    )
    known = published(options.published)
    table = Table(options.output, COLUMNS)
    if options.summary:
        summarise(table)
        return
    for name in NETS if options.nets else ():
        for norm, how in product(("linf", "l2"), ("exact", "best")):
            arguments = options.nets, name, norm, how, min(options.seconds, 10.0)
            key = "nets", name, f"{norm} {how}"
            fill(table, key, options, lambda a=arguments: of_rows(*a))
    for benchmark in BENCHMARKS:
        if options.only not in (None, benchmark):
            continue
        folder = options.folder / benchmark
        if not folder.exists():
            continue
        for network, prop in instances(folder):
            key = benchmark, Path(network).stem, Path(prop).stem
            told = known.get(key, "-")
            arguments = folder, network, prop, options.seconds, told
            fill(table, key, options, lambda a=arguments: measured(*a))


if __name__ == "__main__":
    main()
