# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Tables I and II of paper 001: a step and a noisy sine, 1-10-1 tanh networks.

    python benchmarks/paper001.py --output benchmarks/paper001.csv
    python benchmarks/paper001.py --output benchmarks/paper001.csv --descent

Rows that are in the CSV already are not computed again. Data and trained networks are
those of ``sklip.datasets.load_paper_toy``; --data FILE.npz takes the samples and the L2
networks from a file instead (arrays x, y_step, y_sine_train, y_sine_test, y_sine_clean,
and {step,sine}_l2_trained_{W0,b0,W1,b1}).

The paper takes 3 million full-batch gradient steps for an example: a million each for
the nominal network, the L2 network and ADMM (100 iterations with 10,000 steps in each
loss step). The first two networks are stored. In ADMM a loss step is 25 iterations of
L-BFGS instead ("lipschitz"). It ends about as far from its minimiser as the gradient
steps do, and the published numbers depend on that a little, since 100 iterations at the
paper's rho are far from the end. For comparison, "exact loss steps" takes up to 200
iterations of L-BFGS, and "descent" (with --descent, some minutes) every gradient step:
after 100 iterations the objectives of all three agree within 0.1 %. "converged" takes
rho 100 times smaller and goes on until the residuals are 1e-4: the optimum that the
others are on the way to.

Mean squared errors as in the paper, without the factor 1/2 of the estimator's loss:
rho and mu are therefore halved in the call. "objective" is the training error, plus
mu L^2 (mu = 8e-4, L the bound of the matrix inequality) where L is penalised.
"""

import warnings

import numpy as np
import torch
from _harness import Table, parse, timed
from threadpoolctl import threadpool_limits

from sklip import ADMMLipschitzMLPRegressor, FeedForward, lipschitz_bound
from sklip.datasets import load_paper_toy
from sklip.training import lipschitz_step

MU, RHO = 8e-4, 2.0
# Training, test and clean error, L: Tables I and II.
PRINTED = {
    ("step", "nominal"): (0.0161, None, None, 17.65),
    ("step", "l2"): (0.0457, None, None, 7.815),
    ("step", "lipschitz"): (0.0437, None, None, 6.378),
    ("sine", "nominal"): (0.0590, 0.0990, 0.0106, 9.747),
    ("sine", "l2"): (0.1159, 0.1521, 0.0681, 2.403),
    ("sine", "lipschitz"): (0.0687, 0.1009, 0.0128, 2.316),
}
SETTINGS = {
    "lipschitz": {"epochs_per_iter": 25},
    "lipschitz, exact loss steps": {"epochs_per_iter": 200},
    "lipschitz, converged": {
        "epochs_per_iter": 25,
        "rho": 0.005 * RHO,
        "max_admm_iter": 600,
        "admm_tol": 1e-4,
    },
}
ERRORS = ["mse_train", "mse_test", "mse_sine"]
COLUMNS = ["example", "network", *ERRORS, "bound", "lmi_bound", "objective", "cpu_s"]
COLUMNS += [f"paper_{name}" for name in [*ERRORS, "bound"]]


def load(name, path=None):
    """Samples and trained networks of an example."""
    toy = load_paper_toy(name)
    if path is not None:
        file = np.load(path)
        toy.data = file["x"][:, None]
        toy.target = file["y_step" if name == "step" else "y_sine_train"]
        if name == "sine":
            toy.target_test = file["y_sine_test"]
            toy.target_clean = file["y_sine_clean"]
        arrays = [file[f"{name}_l2_trained_{key}"] for key in ("W0", "W1", "b0", "b1")]
        toy.trained["l2"] = [w.T for w in arrays[:2]], arrays[2:]
    return toy


def trained(toy, kind):
    """The stored network."""
    coefs, intercepts = toy.trained[kind]
    return FeedForward([c.T for c in coefs], intercepts, "tanh")


def goal(name, start):
    """Example 1 penalises the bound, example 2 enforces that of the L2 network."""
    if name == "step":
        return {"lipschitz_weight": MU / 2}
    return {"lipschitz_bound": float(lipschitz_bound(start, method="lipsdp"))}


def fit(toy, name, **parameters):
    """ADMM from the L2 network."""
    settings = {
        "solver": "lbfgs",
        "rho": RHO / 2,
        "max_admm_iter": 100,
        "refresh_multipliers": 0,  # the paper's T are those of the start
        "admm_tol": 0.0,
        "tol": 1e-7,
        "step_tol": 1e-8,
        "alpha": 0.0,
    }
    settings |= goal(name, trained(toy, "l2")) | parameters
    model = ADMMLipschitzMLPRegressor((10,), "tanh", **settings)
    coefs, intercepts = toy.trained["l2"]
    model.fit(toy.data, toy.target, coef_init=coefs, intercept_init=intercepts)
    return model.network_, model.lmi_bound_


def descend(toy, name, n_iter=100, n_steps=10_000, rate=0.01):
    """The paper's own iteration: plain gradient steps on all samples."""
    start = trained(toy, "l2")
    certificate = lipschitz_bound(start, method="lipsdp")
    T = [0.5 * d**2 for d in certificate.multipliers]
    limit = {"weight": MU} if name == "step" else {"bound": certificate.value}
    weights = [np.array(w) for w in start.weights]
    biases = [np.array(b) for b in start.biases]
    copies, duals = list(weights), [np.zeros_like(w) for w in weights]
    result = None
    for _ in range(n_iter):
        pulls = [RHO * v - y for v, y in zip(copies, duals, strict=True)]
        for _ in range(n_steps):
            grads = gradient(weights, biases, toy.data, toy.target)
            for w, g, pull in zip(weights, grads[:2], pulls, strict=True):
                w -= rate * (g + RHO * w - pull)
            for b, g in zip(biases, grads[2:], strict=True):
                b -= rate * g
        targets = [w + y / RHO for w, y in zip(weights, duals, strict=True)]
        result = lipschitz_step(
            targets,
            T,
            slopes=[(0.0, 1.0)],
            rho=RHO,
            tol=1e-8,
            state=None if result is None else result.state,
            **limit,
        )
        copies = result.weights
        duals = [RHO * (v - c) for v, c in zip(targets, copies, strict=True)]
    return FeedForward(copies, biases, "tanh"), result.bound


def gradient(weights, biases, X, y):
    """Of the mean squared error by W_0, W_1, b_0, b_1."""
    hidden = np.tanh(X @ weights[0].T + biases[0])
    error = (2.0 / len(y)) * (hidden @ weights[1][0] + biases[1] - y)
    back = error[:, None] * weights[1] * (1.0 - hidden * hidden)
    return back.T @ X, (error @ hidden)[None], back.sum(axis=0), error.sum()


def measure(toy, network, lmi_bound):
    """Errors and bounds of a network, by column."""
    outputs = network.forward(toy.data)[:, 0]
    targets = [toy.target, toy.get("target_test"), toy.get("target_clean")]
    row = {
        error: np.mean((outputs - y) ** 2)
        for error, y in zip(ERRORS, targets, strict=True)
        if y is not None
    }
    row["bound"] = float(lipschitz_bound(network, method="lipsdp"))
    if lmi_bound is not None:
        weight = MU if "target_test" not in toy else 0.0
        row["lmi_bound"] = lmi_bound
        row["objective"] = row["mse_train"] + weight * lmi_bound**2
    return row


def network_of(toy, name, kind):
    """The network of a row and its bound by the matrix inequality, if it has one."""
    if kind in toy.trained:
        return trained(toy, kind), None
    if kind in SETTINGS:
        return fit(toy, name, **SETTINGS[kind])
    return descend(toy, name)


def row_of(toy, name, kind):
    """What a row holds after its key."""
    (network, lmi_bound), seconds = timed(lambda: network_of(toy, name, kind))
    row = measure(toy, network, lmi_bound)
    if lmi_bound is not None:
        row["cpu_s"] = round(seconds, 1)
    printed = PRINTED.get((name, kind), [None] * 4)
    for key, value in zip([*ERRORS, "bound"], printed, strict=True):
        row[f"paper_{key}"] = value
    return [row.get(column) for column in COLUMNS[2:]]


def written(value):
    """A cell: nothing for None, seven digits of a number."""
    if value is None:
        return ""
    return f"{value:.7g}" if isinstance(value, float) else str(value)


def main():
    """Compute what is missing; print the rows."""
    options = parse(
        __doc__,
        output="paper001.csv",
        data={"help": "npz file with the samples and L2 networks"},
        descent={"action": "store_true", "help": "also take every gradient step"},
    )
    torch.set_num_threads(1)
    threadpool_limits(1)
    warnings.filterwarnings("ignore", category=UserWarning)
    table = Table(options.output, COLUMNS, form=written)
    kinds = ["nominal", "l2", *SETTINGS]
    kinds += ["lipschitz, descent"] if options.descent else []
    for name in ("step", "sine"):
        toy = load(name, options.data)
        for kind in kinds:
            table.fill((name, kind), lambda a=(toy, name, kind): row_of(*a))


if __name__ == "__main__":
    main()
