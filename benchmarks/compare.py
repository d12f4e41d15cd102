# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""sklip beside its peers in one run, each peer in an environment of its own.

    python benchmarks/compare.py --output benchmarks/compare.csv
    python benchmarks/compare.py --output benchmarks/compare.csv --print

Environments are made in the folder ``--environments`` with the versions that pip finds
on the day; they see the packages of this one behind their own, so that torch need not
be installed once more. A peer that does not install has a row that says so. Each line
is measured in a process of its own, on one thread, in CPU seconds without the start;
what the output has already is not measured again.

Parts: "certificate" (an upper bound of the l2 constant of a ReLU network; "proven" is
what is left of a solver's answer after sklip's proof), "verification" (twenty test rows
of the digits, linf 0.05: proven, flipped or open), "training" (milliseconds an epoch,
1797 x 64, batch 128, 64-64), "step" (the Lipschitz step of ADMM, 30-32-2: first call
and the next ones), "accuracy" (digits, 64-128-128-10, each by its own recipe: percent
right, and right with a certified l2 radius; a peer's radii are by the same rule as
ours).
"""

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from _harness import Table, parse

# What pip is asked for; sklip, scikit-learn, skorch and cvxpy are in this environment.
PEERS = {
    "cvxopt": ["cvxopt"],
    "sdpa": ["sdpa-python"],
    "eclipse-nn": ["eclipse-nn"],
    "maraboupy": ["maraboupy", "onnxruntime"],
    "neuralsat": ["neuralsat"],
    "deel-torchlip": ["deel-torchlip"],
    "orthogonium": ["orthogonium"],
}
_NETS = ("cancer 30-64-2", "random 4-64-64-64-1")
_CERTIFICATES = (
    ("sklip", "lipsdp"),
    ("sklip", "sequential"),
    ("sklip", "product"),
    ("cvxpy", "clarabel"),
    ("cvxpy", "scs"),
    ("sdpa", "by cvxpy"),
    ("cvxopt", "by cvxpy"),
    ("eclipse-nn", "ECLipsE-Fast"),
)
# part, case, package, setting
LINES = [
    *(("certificate", net, *peer) for net in _NETS for peer in _CERTIFICATES),
    ("verification", "digits 64-64-10", "sklip", "exact"),
    ("verification", "digits 64-64-10", "maraboupy", "row by row"),
    ("verification", "digits 64-64-10", "neuralsat", "row by row"),
    ("training", "1797 x 64", "sklip", "no penalty"),
    ("training", "1797 x 64", "sklip", "spectral"),
    ("training", "1797 x 64", "scikit-learn", "MLPClassifier"),
    ("training", "1797 x 64", "skorch", "DataLoader"),
    ("step", "30-32-2", "sklip", "native"),
    ("step", "30-32-2", "cvxpy", "scs"),
    ("step", "30-32-2", "cvxpy", "clarabel"),
    ("accuracy", "digits", "sklip", "bounded radius 0.5"),
    ("accuracy", "digits", "sklip", "bounded radius 1"),
    ("accuracy", "digits", "sklip", "ADMM"),
    ("accuracy", "digits", "sklip", "spectral"),
    ("accuracy", "digits", "deel-torchlip", "SoftHKR 0.9"),
    ("accuracy", "digits", "orthogonium", "LossXent"),
]
COLUMNS = ["part", "case", "package", "setting", "version", "quantity", "value"]
_THREADS = ("OMP", "OPENBLAS", "MKL", "RAYON", "NUMEXPR")
_WORK = Path(__file__).with_name("_compare_work.py")


def python_of(package, folder):
    """The interpreter that has the package; None where it does not install."""
    if package not in PEERS:
        return sys.executable
    home = Path(folder) / package
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    ready = home / "ready"
    if not ready.exists():
        venv.create(home, with_pip=True)
        sites = subprocess.run(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        # Behind its own packages those of this environment.
        Path(sites, "zz_parent.pth").write_text(sysconfig.get_path("purelib") + "\n")
        pip = [python, "-m", "pip", "install", "--quiet", *PEERS[package]]
        done = subprocess.run(pip, capture_output=True, text=True)
        ready.write_text("" if done.returncode == 0 else done.stderr[-500:])
    return None if ready.read_text() else str(python)


def measure(line, folder, limit):
    """Rows of one line: version, quantity and value."""
    python = python_of(line[2], folder)
    if python is None:
        return [["", "does not install", ""]]
    root = Path(__file__).parent.parent
    paths = [str(root), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = dict(os.environ, **{f"{n}_NUM_THREADS": "1" for n in _THREADS})
    environment["PYTHONPATH"] = os.pathsep.join(paths)
    try:
        done = subprocess.run(
            [python, str(_WORK), *line],
            env=environment,
            capture_output=True,
            text=True,
            timeout=limit,
        )
    except subprocess.TimeoutExpired:
        return [["", f"more than {limit} s", ""]]
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return [["", f"failed: {last[:100]}", ""]]
    found = json.loads(done.stdout.splitlines()[-1])
    version = found.pop("version")
    return [[version, name, f"{value:.6g}"] for name, value in found.items()]


def print_tables(rows):
    """One table for each part and case: packages down, quantities across."""
    for part, case in dict.fromkeys((r["part"], r["case"]) for r in rows):
        own = [r for r in rows if (r["part"], r["case"]) == (part, case)]
        names = list(dict.fromkeys(r["quantity"] for r in own))
        print(f"\n{part}: {case}")
        print(f"{'':34s}" + "".join(f"{name:>12s}" for name in names))
        for key in dict.fromkeys((r["package"], r["setting"]) for r in own):
            mine = [r for r in own if (r["package"], r["setting"]) == key]
            value = {r["quantity"]: r["value"] or "here" for r in mine}
            label = f"{key[0]} {mine[0]['version']} {key[1]}"
            print(f"{label:34s}" + "".join(f"{value.get(n, ''):>12s}" for n in names))


def main():
    """Measure what is missing, then print."""
    options = parse(
        __doc__,
        environments=str(Path.home() / ".cache" / "sklip-peers"),
        seconds={"type": int, "default": 150, "help": "of the clock, for a line"},
        only={"nargs": "*", "help": "names of packages; all without"},
        print={"action": "store_true", "help": "measure nothing"},
    )
    table = Table(options.output, COLUMNS, echo=not options.print)
    for line in [] if options.print else LINES:
        if options.only is None or line[2] in options.only:
            table.fill_group(
                line, lambda n=line: measure(n, options.environments, options.seconds)
            )
    print_tables(table.rows)


if __name__ == "__main__":
    main()
