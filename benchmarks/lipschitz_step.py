# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The Lipschitz step of ADMM: native, cold and warm, beside cvxpy's solvers.

    python benchmarks/lipschitz_step.py --output benchmarks/lipschitz_step.csv
    python benchmarks/lipschitz_step.py --solvers native scs-printed --nets net.npz
    python benchmarks/lipschitz_step.py --ratios --output benchmarks/lipschitz_step.csv

Random networks, and trained ones from npz files with arrays W0, W1 ...; the multipliers
are LipSDP's, the bound is 0.4 of LipSDP's, and the targets move by 3 % of their size
from one call to the next. The "fit" rows are the steps that ADMM takes while it learns
the digits (pixels repeated to 28 x 28 for 784 inputs; bound 3).
CPU seconds on one thread; median of the warm calls. cvxpy's times are those of a new
problem, built and compiled, and of a second solve of the compiled one; a solver that
runs out of --time-limit has no answer, and its time is a lower bound of what it needs.
"scs" and "clarabel" solve sklip's scaled program, "scs-printed" the linear matrix
inequality (7) as paper 001 prints it, a new problem each time, as its reader would
write it in cvxpy. Rows in the output are not repeated.

"excess" is how far the objective of the feasible weights that are returned lies above
the optimum (native, tolerance 1e-10), relatively; "raw_excess" and "violation" (of
||Z|| <= 1) are those of the solver's own answer before it is made feasible. --ratios
compares each solver's fastest row whose excess is at most 1e-4, then 1e-6.

"bare" is what a warm step at tolerance 1e-4 would cost without any Python: its LAPACK
and BLAS operations alone (_step_floor.py), with as many columns and products as it has.

LipSDP may end at other multipliers in another process, so that objectives of rows
differ in the last digits; the optimum is that of the same process.
"""

import itertools
import time
from functools import cache, partial
from pathlib import Path
from unittest import mock

import _peers  # noqa: F401  one thread for every library
import cvxpy
import numpy as np
from _harness import Table, parse
from _step_floor import floor
from sklearn.datasets import load_digits

from sklip import ADMMLipschitzMLPClassifier, FeedForward, lipschitz_bound
from sklip.exceptions import InfeasibleCertificateError
from sklip.networks import random_network
from sklip.training import (
    CvxpyStep,
    LipschitzUpdate,
    lipschitz_step,
)
from sklip.training._lipschitz_step import general_solver
from sklip.training._lipschitz_step.inputs import check_step
from sklip.training._lipschitz_step.spectral_ball import SpectralBall

SIZES = [
    [10, 16, 2],
    [30, 32, 2],
    [30, 64, 2],
    [64, 64, 10],
    [64, 256, 10],
    [64, 128, 128, 128, 10],
    [784, 256, 10],
]
# Above this many units cvxpy is not asked.
PEER_UNITS = 150
TOLS = (1e-4, 1e-6, 1e-8)
# A hundredth of them is the solver's tolerance, 1e-8 at most for Clarabel; for the
# printed problem they are.
PEER_TOLS = {"scs": TOLS, "clarabel": (1e-6, 1e-8), "scs-printed": TOLS}
# Relative excess of the objective that counts as the same accuracy.
ACCURACIES = (1e-4, 1e-6)
COLUMNS = ["net", "sizes", "mode", "tol", "solver", "first_s", "next_s", "objective"]
COLUMNS += ["excess", "raw_excess", "violation"]
NONE = float("nan")


def networks(paths):
    """Pairs (name, FeedForward)."""
    for sizes in SIZES:
        yield "random", random_network(sizes, gain=2.0, random_state=0)
    for path in paths:
        data = np.load(path)
        weights = [data[f"W{k}"] for k in range(sum(n[0] == "W" for n in data))]
        name = Path(path).stem
        yield name, FeedForward([w.astype(float) for w in weights])


def moving_targets(network, n_calls):
    """Targets of consecutive calls."""
    rng = np.random.default_rng(0)
    targets = [w.copy() for w in network.weights]
    for _ in range(n_calls):
        yield targets
        targets = [
            v
            + 0.03 * np.linalg.norm(v) / np.sqrt(v.size) * rng.standard_normal(v.shape)
            for v in targets
        ]


def fit_steps(sizes):
    """CPU seconds of the steps of one fit, tol 1e-4."""
    X, y = load_digits(return_X_y=True)
    X = X / 16
    if sizes[0] == 784:
        images = np.kron(X.reshape(-1, 8, 8), np.ones((1, 4, 4)))
        X = images[:, 2:30, 2:30].reshape(len(X), -1) / 4
    seconds = []

    class Timed(LipschitzUpdate):
        """The step with a clock."""

        def __call__(self, *arguments):
            start = time.process_time()
            result = super().__call__(*arguments)
            seconds.append(time.process_time() - start)
            return result

    model = ADMMLipschitzMLPClassifier(
        tuple(sizes[1:-1]),
        lipschitz_bound=3.0,
        max_iter=20,
        max_admm_iter=20,
        admm_tol=0,
        batch_size=128,
        certificate=None,
        random_state=0,
    )
    with mock.patch("sklip.estimators._admm.run.LipschitzUpdate", Timed):
        model.fit(X[:, : sizes[0]], y)
    return seconds[0], np.median(seconds[1:]), NONE, NONE, NONE, NONE


def measure(solve, network, n_calls):
    """Seconds of the first call, median of the next, and the first's result."""
    seconds, first, state = [], None, None
    for targets in moving_targets(network, n_calls):
        start = time.process_time()
        result = solve(targets, state)
        seconds.append(time.process_time() - start)
        state = result.state
        first = first or result
    return seconds[0], np.median(seconds[1:]), first


def objective(network, weights, bound, kind):
    """Half the squared distance, and the price of the bound."""
    pairs = zip(network.weights, weights, strict=True)
    distance = sum(np.sum((v - w) ** 2) for v, w in pairs)
    return kind.get("weight", 0.0) * bound**2 + 0.5 * distance


def tasks(name, network, solvers, time_limit):
    """Pairs of the first five columns and what measures the rest."""
    label = "-".join(map(str, network.layer_sizes))
    for mode in ("enforce", "regularise") if "native" in solvers else ():
        for tol in TOLS:
            yield [name, label, mode, f"{tol:g}", "native"], _native
    if "native" in solvers and len(network.layer_sizes) == 3:
        yield [name, label, "enforce", "0.0001", "bare"], _bare
    if sum(network.layer_sizes) <= PEER_UNITS:
        for peer in solvers:
            for tol in PEER_TOLS.get(peer, ()):
                run = _printed if peer == "scs-printed" else _cvxpy
                run = partial(run, time_limit=time_limit)
                yield [name, label, "enforce", f"{tol:g}", peer], run


@cache
def _problem(network, mode):
    """Arguments of the step, and the optimal objective."""
    certificate = lipschitz_bound(network, method="lipsdp")
    kind = {"weight": 0.01}
    if mode == "enforce":
        kind = {"bound": 0.4 * certificate.value}
    multipliers = [d**2 / 2 for d in certificate.multipliers]
    arguments = {"multipliers": multipliers, "slopes": ["relu"] * len(multipliers)}
    best = lipschitz_step(network.weights, **arguments, **kind, tol=1e-10)
    return arguments, kind, objective(network, best.weights, best.bound, kind)


def _native(network, mode, tol, _):
    arguments, kind, optimum = _problem(network, mode)

    def solve(v, state):
        return lipschitz_step(v, **arguments, **kind, tol=float(tol), state=state)

    first_s, next_s, first = measure(solve, network, 30)
    value = objective(network, first.weights, first.bound, kind)
    return first_s, next_s, value, value / optimum - 1.0, NONE, 0.0


def _bare(network, mode, tol, _):
    arguments, kind, _ = _problem(network, mode)
    state, n_products = None, []
    for v in moving_targets(network, 10):
        step = lipschitz_step(v, **arguments, **kind, tol=float(tol), state=state)
        state = step.state
        n_products.append(step.n_iter)
    parts = floor(
        network.layer_sizes, state.factor.shape[1], round(np.median(n_products[1:]))
    )
    return sum(parts), sum(parts), NONE, NONE, NONE, NONE


def _cvxpy(network, mode, tol, peer, time_limit):
    arguments, kind, optimum = _problem(network, mode)
    step = CvxpyStep(network.layer_sizes, peer)
    own_answers = []

    def solve(v, state):
        result = step.solve(v, **arguments, **kind, tol=float(tol))
        (program,) = step._programs.values()
        own_answers.append(program.solution(result.bound)[0])
        return result

    start = time.process_time()
    with _limited(time_limit):
        try:
            first_s, next_s, first = measure(solve, network, 2)
        except InfeasibleCertificateError as error:
            print(error)
            return time.process_time() - start, NONE, NONE, NONE, NONE, NONE
    value = objective(network, first.weights, first.bound, kind)
    raw = objective(network, own_answers[0], first.bound, kind)
    violation = _norm(own_answers[0], arguments, kind) - 1.0
    return (
        *(first_s, next_s, value),
        *(value / optimum - 1.0, raw / optimum - 1.0, max(0.0, violation)),
    )


def _printed(network, mode, tol, peer, time_limit):
    """The paper's own statement, T and W unscaled."""
    arguments, kind, optimum = _problem(network, mode)
    found = []

    def solve(targets, state):
        found.append(_solve_printed(targets, arguments, kind, float(tol), time_limit))
        return mock.Mock(state=None)

    first_s, next_s, _ = measure(solve, network, 2)
    raw = found[0]
    norm = max(1.0, _norm(raw, arguments, kind))
    value = objective(network, [w / norm for w in raw], kind["bound"], kind)
    excess = objective(network, raw, kind["bound"], kind) / optimum - 1.0
    return first_s, next_s, value, value / optimum - 1.0, excess, norm - 1.0


def _solve_printed(targets, arguments, kind, tol, time_limit):
    sizes = [targets[0].shape[1], *(len(v) for v in targets)]
    weights = [cvxpy.Variable(v.shape) for v in targets]
    multipliers = [np.diag(t) for t in arguments["multipliers"]] + [np.eye(sizes[-1])]
    blocks = [[np.zeros((n, m)) for m in sizes] for n in sizes]
    blocks[0][0] = kind["bound"] ** 2 * np.eye(sizes[0])
    for k, (w, t) in enumerate(zip(weights, multipliers, strict=True)):
        is_last = k == len(weights) - 1
        blocks[k + 1][k + 1] = t if is_last else 2.0 * t
        blocks[k + 1][k] = -t @ w
        blocks[k][k + 1] = blocks[k + 1][k].T
    pairs = zip(weights, targets, strict=True)
    distance = sum(cvxpy.sum_squares(w - v) for w, v in pairs)
    problem = cvxpy.Problem(cvxpy.Minimize(0.5 * distance), [cvxpy.bmat(blocks) >> 0])
    limits = {"max_iters": 100_000, "time_limit_secs": time_limit}
    problem.solve(solver="SCS", eps_abs=tol, eps_rel=tol, **limits)
    return [w.value for w in weights]


def _norm(weights, arguments, kind):
    """The norm that is one at most where the weights are feasible; one if inside."""
    step = check_step(
        weights, **arguments, **kind, weight=None, rho=1.0, tol=1.0, dtype=float
    )
    ball = SpectralBall(step.targets, step.multipliers, step.slopes, step.bound)
    return np.max(ball.outside(ball.z)[0], initial=1.0)


def _limited(seconds):
    """Pass a time limit to the solvers, in their names of it."""
    usual = general_solver._options

    def options(solver, tol):
        name = {"scs": "time_limit_secs", "clarabel": "time_limit"}[solver]
        return {**usual(solver, tol), name: seconds}

    return mock.patch.object(general_solver, "_options", options)


def print_ratios(table):
    """Times of cvxpy over the native step's where both are equally accurate."""
    rows = [r for r in table.rows if r["mode"] == "enforce"]
    print("net", "sizes", "peer", "excess", "first", "next", sep="\t")
    for name, sizes in sorted({(r["net"], r["sizes"]) for r in rows}):
        own = [r for r in rows if (r["net"], r["sizes"]) == (name, sizes)]
        for peer, level in itertools.product(PEER_TOLS, ACCURACIES):
            ratios = [_ratio(own, peer, level, c) for c in ("first_s", "next_s")]
            if all(ratios):
                print(name, sizes, peer, level, *ratios, sep="\t")


def _ratio(rows, peer, level, column):
    """Text; None if either is not there."""
    native, other = (_fastest(rows, s, level, column) for s in ("native", peer))
    sign = "" if other else "> "
    if other is None:  # it has no accurate answer: what it spent
        other, column = _longest(rows, peer), "first_s"
    if native is None or other is None:
        return None
    return f"{sign}{float(other[column]) / float(native[column]):.0f}"


def _fastest(rows, solver, level, column):
    rows = [r for r in rows if r["solver"] == solver and float(r["excess"]) <= level]
    return min(rows, key=lambda r: float(r[column]), default=None)


def _longest(rows, solver):
    rows = [r for r in rows if r["solver"] == solver]
    return max(rows, key=lambda r: float(r["first_s"]), default=None)


def main():
    """Measure, print and write."""
    solvers = ["native", *PEER_TOLS]
    options = parse(
        __doc__,
        nets={"nargs": "*", "default": [], "help": "npz files"},
        solvers={"nargs": "*", "default": solvers, "choices": solvers},
        time_limit={"type": float, "default": 600.0, "help": "of a peer"},
        sizes={"nargs": "*", "help": "such as 30-64-2; all if left out"},
        ratios={"action": "store_true", "help": "of the output; no runs"},
    )
    table = Table(options.output, COLUMNS, form="{:.6g}".format)
    if options.ratios:
        return print_ratios(table)
    for peer in {"scs", "clarabel"} & {*options.solvers}:
        _cvxpy(random_network([2, 2, 1], random_state=0), "enforce", 1e-4, peer, 10.0)
    lipschitz_step([np.eye(2)], [], slopes=[], bound=0.5)  # libraries load
    for sizes in SIZES:
        if sizes[-1] == 10 and not options.sizes and "native" in options.solvers:
            key = ["fit", "-".join(map(str, sizes)), "enforce", "0.0001", "native"]
            table.fill(key, lambda sizes=sizes: fit_steps(sizes))
    for name, network in networks(options.nets):
        for key, run in tasks(name, network, options.solvers, options.time_limit):
            if options.sizes and key[1] not in options.sizes:
                continue
            table.fill(key, lambda n=network, k=key, run=run: run(n, k[2], k[3], k[4]))


if __name__ == "__main__":
    main()
