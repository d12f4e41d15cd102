# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""LipSDP-Neuron by sklip and by general SDP solvers through cvxpy.

python benchmarks/lipsdp_peers.py net.npz [...] --output benchmarks/lipsdp_peers.csv

A net is an npz file with the arrays W0, b0, W1, b1 ... of a ReLU network. Every solve
runs in a process of its own, on one thread, after a small solve that loads all
libraries, and is ended when it has used its CPU seconds; of short ones the median of
three counts. The peers get, with their
default options, once the same problem as ``method="lipsdp-cvxpy"``, scaled by the
sequential bound and with a reduced input, once ("plain-...") Theorem 1 as it is
printed, as users of cvxpy write it; their time is that of building, compiling and
solving it. Ours includes the proof. Rows that the output has already are not measured
again; leave a solver out with --solvers.

Columns: value is the solver's own number, inflation what prove() had to add to it
(empty: it could not be proven by adding less than rounding explains), certified the
bound after our repair, lower the solver's dual value made feasible.
"""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

from _harness import Table, parse

SOLVERS = (
    "sklip",
    "clarabel",
    "scs",
    "sdpa",
    "cvxopt",
    "plain-sdpa",
    "plain-cvxopt",
)
COLUMNS = (
    "net",
    "solver",
    "status",
    "value",
    "inflation",
    "certified",
    "lower",
    "cpu_seconds",
    "ratio",
)
THREADS = ("OMP", "OPENBLAS", "MKL", "RAYON", "VECLIB_MAXIMUM", "NUMEXPR")


def load_network(path):
    """FeedForward of an npz file."""
    import numpy as np

    from sklip.networks import FeedForward

    with np.load(path) as arrays:
        n = sum(key.startswith("W") for key in arrays)
        weights = [arrays[f"W{k}"] for k in range(n)]
        return FeedForward(weights, [arrays[f"b{k}"] for k in range(n)])


def solve_ours(network):
    """(function to time, function that makes a row of its result)."""
    from sklip.bounds import lipschitz_bound

    def row(certificate):
        value = certificate.value / (1.0 + certificate.slack)
        return describe(value, certificate.slack, certificate)

    return lambda: lipschitz_bound(network, method="lipsdp"), row


def solve_peer(network, solver):
    """The same for a solver of cvxpy."""
    from sklip.bounds._chain import chain_of
    from sklip.bounds._lipsdp import general_solver
    from sklip.bounds._proof import prove

    chain = chain_of(network)
    general_solver._OPTIONS.clear()

    def row(solution):
        value, multipliers, _ = solution
        proven = prove(chain, value, multipliers)
        inflation = proven[0] / value - 1.0 if proven else None
        general_solver.cvxpy_multipliers = lambda *args, **options: solution
        return describe(value, inflation, general_solver.cvxpy_bound(network))

    return lambda: general_solver.cvxpy_multipliers(chain, solver=solver), row


def solve_plain(network, solver):
    """The same for Theorem 1 written down in cvxpy, for ReLU networks."""
    import cvxpy
    import numpy as np

    from sklip.bounds._chain import chain_of
    from sklip.bounds._proof import prove

    weights = network.weights
    sizes = network.layer_sizes[:-1]
    starts = np.cumsum([0, *sizes])
    before, order = int(starts[-2]), int(starts[-1])
    # Rows of A: the inputs of all hidden neurons; rows of B: their outputs.
    a_matrix = np.zeros((order - sizes[0], order))
    for k, w in enumerate(weights[:-1]):
        rows = slice(starts[k + 1] - sizes[0], starts[k + 2] - sizes[0])
        a_matrix[rows, starts[k] : starts[k + 1]] = w
    b_matrix = np.eye(order)[sizes[0] :]
    first, last = np.eye(order)[: sizes[0]], np.eye(order)[before:]

    def solve():
        rho = cvxpy.Variable(nonneg=True)
        t = cvxpy.Variable(order - sizes[0], nonneg=True)
        cross = a_matrix.T @ cvxpy.diag(t) @ b_matrix
        condition = cross + cross.T - 2 * b_matrix.T @ cvxpy.diag(t) @ b_matrix
        condition += last.T @ weights[-1].T @ weights[-1] @ last
        condition -= rho * first.T @ first
        problem = cvxpy.Problem(cvxpy.Minimize(rho), [condition << 0])
        problem.solve(solver=solver.upper())
        return float(np.sqrt(rho.value)), t.value

    def row(solution):
        value, t = solution
        d = np.sqrt(2.0 * np.maximum(t, 1e-12))
        proven = prove(chain_of(network), value, np.split(d, starts[2:-1] - sizes[0]))
        inflation = proven[0] / value - 1.0 if proven else None
        certified = proven[0] if proven else None
        return {
            "value": value,
            "inflation": inflation,
            "certified": certified,
            "lower": None,
        }

    return solve, row


def describe(value, inflation, certificate):
    """Columns that are read from a solution."""
    return {
        "value": value,
        "inflation": inflation,
        "certified": certificate.value,
        "lower": certificate.lower,
    }


def prepare(network, solver):
    """solve_ours, solve_plain or solve_peer."""
    if solver == "sklip":
        return solve_ours(network)
    if solver.startswith("plain-"):
        return solve_plain(network, solver.removeprefix("plain-"))
    return solve_peer(network, solver)


def work(path, solver, cpu_limit):
    """Measure one solve in this process and print its row as JSON."""
    import torch

    from sklip.networks import random_network

    torch.set_num_threads(1)
    prepare(random_network([2, 4, 1], random_state=0), solver)[0]()
    function, row = prepare(load_network(path), solver)
    used = int(time.process_time()) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (used + cpu_limit, used + cpu_limit + 5))
    times = []
    while len(times) < 3 and sum(times) < 10.0:
        start = time.process_time()
        solution = function()
        times.append(time.process_time() - start)
    seconds = sorted(times)[len(times) // 2]
    print(json.dumps({"status": "solved", "cpu_seconds": seconds, **row(solution)}))


def measure(path, solver, options):
    """Row of one solve in a process of its own."""
    environment = dict(os.environ, **{f"{name}_NUM_THREADS": "1" for name in THREADS})
    command = [sys.executable, __file__, path, "--worker", solver]
    command += ["--time-limit", str(options.time_limit)]
    row = {"net": Path(path).stem, "solver": solver}
    try:
        done = subprocess.run(
            command,
            env=environment,
            capture_output=True,
            text=True,
            timeout=4 * options.time_limit + 60,
        )
    except subprocess.TimeoutExpired:
        return row | {"status": f"> {options.time_limit} s"}
    if done.returncode == 0:
        return row | json.loads(done.stdout.splitlines()[-1])
    if done.returncode == -signal.SIGXCPU:
        return row | {"status": f"> {options.time_limit} s"}
    message = done.stderr.strip().splitlines() or ["no message"]
    return row | {"status": f"failed: {message[-1][:120]}"}


def cells(row, table):
    """Cells of a row after its key, with CPU seconds over ours on the same net."""
    found = [row] if row["solver"] == "sklip" else table.find(row["net"], "sklip")
    seconds, unit = (r.get("cpu_seconds") for r in (row, *(found[-1:] or [{}])))
    row["ratio"] = f"{float(seconds) / float(unit):.3g}" if seconds and unit else ""
    return [row.get(column, "") for column in COLUMNS[2:]]


def print_table(rows):
    """One line a row."""
    print(" ".join(f"{column:>12}" for column in COLUMNS))
    for row in rows:
        print(" ".join(f"{shortened(row[column]):>12}" for column in COLUMNS))


def shortened(cell):
    """A cell as text; numbers to nine digits."""
    try:
        return f"{float(cell):.9g}"
    except (TypeError, ValueError):
        return "" if cell is None else str(cell)


def main():
    """Measure and print."""
    options = parse(
        __doc__,
        NETS={"nargs": "+", "help": "npz files"},
        solvers={"nargs": "+", "choices": SOLVERS, "default": SOLVERS},
        time_limit={"type": int, "default": 300, "help": "CPU seconds"},
        worker={"help": "measure in this process; for the script itself"},
    )
    if options.worker:
        work(options.nets[0], options.worker, options.time_limit)
        return
    table = Table(options.output, COLUMNS, echo=False)
    for path in options.nets:
        for solver in options.solvers:
            table.fill(
                (Path(path).stem, solver),
                lambda p=path, s=solver: cells(measure(p, s, options), table),
            )
    print_table(table.rows)


if __name__ == "__main__":
    main()
