# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""One line of benchmarks/compare.py, in the environment of its package.

python benchmarks/_compare_work.py PART CASE PACKAGE SETTING

Prints a JSON object of figures.
"""

import importlib.metadata
import importlib.util
import json
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch
from _harness import timed

torch.set_num_threads(1)
warnings.filterwarnings("ignore")

_RADII = (0.141, 0.282, 0.424, 0.5, 1.0)
_ROWS, _RADIUS = 20, 0.05
_BATCH, _EPOCHS = 128, 20
_NAMES = {"sdpa": "sdpa-python"}


def _net(case):
    """The FeedForward of a case; small enough that every process trains its own."""
    from sklearn.datasets import load_breast_cancer
    from sklearn.neural_network import MLPClassifier
    from sklearn.preprocessing import StandardScaler

    from sklip import FeedForward
    from sklip.networks import random_network

    if case.startswith("random"):
        return random_network([4, 64, 64, 64, 1], gain=2.0, random_state=0)
    X, y = load_breast_cancer(return_X_y=True)
    model = MLPClassifier((64,), random_state=0, max_iter=200)
    model.fit(StandardScaler().fit_transform(X), y)
    return FeedForward([w.T for w in model.coefs_], model.intercepts_)


def certificate(case, package, setting):
    """Bound, what of it is proven, and time."""
    from sklip.networks import random_network

    network, small = _net(case), random_network([2, 4, 1], random_state=0)
    if package == "sklip":
        from sklip import FeedForward, lipschitz_bound

        lipschitz_bound(small, method=setting)
        same = FeedForward(network.weights, network.biases)  # nothing is cached
        found, seconds = timed(lambda: lipschitz_bound(same, method=setting))
        return {"bound": found.value, "proven": found.value, "cpu_s": seconds}
    if package == "eclipse-nn":
        from cheap_bounds import eclipse_package

        eclipse_package(small)
        bound, seconds = timed(lambda: eclipse_package(network))
        return {"bound": bound, "cpu_s": seconds}
    from lipsdp_peers import solve_plain

    solver = setting if package == "cvxpy" else package
    solve_plain(small, solver)[0]()
    solve, row = solve_plain(network, solver)
    solution, seconds = timed(solve)
    found = row(solution)
    figures = {"bound": found["value"], "cpu_s": seconds}
    if found["certified"] is not None:
        figures["proven"] = found["certified"]
    return figures


def verification(case, package, setting):
    """Rows proven, flipped and open, and time."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split
    from sklearn.neural_network import MLPClassifier

    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X / 16, y, random_state=0)
    model = MLPClassifier((64,), random_state=0, max_iter=100).fit(X, y)
    right = model.predict(X_test) == y_test
    rows = X_test[right][:_ROWS]
    deciders = {"sklip": _verify, "maraboupy": _marabou, "neuralsat": _neuralsat}
    decide = deciders[package]
    decide(model, rows[:1])
    found, seconds = timed(lambda: decide(model, rows))
    words = {"proven": "unsat", "flipped": "sat", "open": "unknown"}
    return {k: found.count(v) for k, v in words.items()} | {"cpu_s": seconds}


def _verify(model, rows):
    from sklip import verify_robustness

    answers = verify_robustness(model, rows, radius=_RADIUS, norm=np.inf)
    words = {"verified": "unsat", "falsified": "sat"}
    return [words.get(answer.status, "unknown") for answer in answers]


def _marabou(model, rows):
    from maraboupy import Marabou

    from sklip import to_onnx

    options = Marabou.createOptions(verbosity=0, timeoutInSeconds=30)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "net.onnx")
        _export(model, path, to_onnx)
        return [_ask(Marabou, options, path, model, row) for row in rows]


def _neuralsat(model, rows):
    """Its modules lie in a package "src" and import one another as top-level ones."""
    from sklip import Specification, to_onnx

    (home,) = importlib.util.find_spec("src").submodule_search_locations
    sys.path.insert(0, home)
    from helper.network.read_onnx import parse_onnx
    from helper.spec.objective import parse_vnnlib
    from setting import Settings
    from verifier.verifier import Verifier

    Settings.setup(None)
    statuses = []
    with tempfile.TemporaryDirectory() as folder:
        network, property_file = (f"{folder}/{name}" for name in ("n.onnx", "p.vnnlib"))
        _export(model, network, to_onnx)
        for row in rows:
            own = int(model.predict(row[None])[0])
            wins = np.delete(np.eye(10)[own] - np.eye(10), own, axis=0)
            unsafe = [([win], [0.0]) for win in wins]
            Specification(row - _RADIUS, row + _RADIUS, unsafe).to_vnnlib(property_file)
            net, shape, _ = parse_onnx(network, None, None)
            verifier = Verifier(net=net, input_shape=shape, batch=1000, device="cpu")
            objectives = parse_vnnlib(property_file, shape)
            statuses.append(str(verifier.verify(objectives, timeout=30)))
    return statuses


def _export(model, path, to_onnx):
    from sklip import FeedForward

    network = FeedForward([w.T for w in model.coefs_], model.intercepts_)
    to_onnx(network, path, dtype="float32")


def _ask(Marabou, options, path, model, row):
    """One rival at a time, each with a fresh network."""
    own = int(model.predict(row[None])[0])
    answers = []
    for rival in range(len(model.classes_)):
        if rival == own:
            continue
        network = Marabou.read_onnx(path)
        inputs = network.inputVars[0].ravel()
        outputs = network.outputVars[0].ravel()
        for variable, value in zip(inputs, row, strict=True):
            network.setLowerBound(int(variable), float(value - _RADIUS))
            network.setUpperBound(int(variable), float(value + _RADIUS))
        pair = [int(outputs[own]), int(outputs[rival])]
        network.addInequality(pair, [1.0, -1.0], 0.0)
        answers.append(network.solve(verbose=False, options=options)[0])
        if answers[-1] == "sat":
            return "sat"
    return "unsat" if set(answers) == {"unsat"} else "unknown"


def training(case, package, setting):
    """Milliseconds of an epoch."""
    from _peers import make_data, sklearn_model, sklip_model, skorch_model

    X, y = make_data(1797, 64)
    penalty = setting if setting == "spectral" else "none"

    def model(epochs):
        if package == "skorch":
            return skorch_model(_BATCH, epochs, 64, 10)
        if package == "scikit-learn":
            return sklearn_model(_BATCH, epochs)
        return sklip_model(_BATCH, epochs, penalty)

    y = y.astype("int64")
    model(1).fit(X, y)
    times = [timed(lambda: model(_EPOCHS).fit(X, y))[1] for _ in range(3)]
    return {"ms_per_epoch": 1e3 * sorted(times)[1] / _EPOCHS}


def step(case, package, setting):
    """CPU seconds of the first call and the next, and excess of the objective."""
    from lipschitz_step import tasks

    from sklip.networks import random_network

    network = random_network([30, 32, 2], gain=2.0, random_state=0)
    for key, run in tasks("random", network, [setting], 60):
        _, _, mode, tol, _ = key
        if mode == "enforce" and float(tol) == (1e-6 if package == "cvxpy" else 1e-4):
            run(network, mode, tol, setting)  # the first loads what it needs
            first, following, _, excess, *_ = run(network, mode, tol, setting)
            return {"first_s": first, "next_s": following, "excess": excess}
    raise ValueError(setting)


def accuracy(case, package, setting):
    """Percent right, and right with a certified radius; time over a plain loop."""
    from dataclasses import replace

    from _bounded_data import classification_tasks
    from _bounded_models import classifiers, plain_loop
    from _bounded_peers import peers

    task = next(iter(classification_tasks()))
    names = {"deel-torchlip": "deel", "orthogonium": "orthogonium"}
    wanted = names.get(package, setting)
    models = classifiers(task) if package == "sklip" else peers(task)
    named = ((m, (m.name, f"{m.name} {m.setting}")) for m in models)
    model = next(m for m, names in named if wanted in names)
    if wanted == "ADMM":  # with the epochs of certified_digits.py, not the defaults
        model = _Enforced()
    plain_loop(replace(task, epochs=1))
    fitted, seconds = timed(lambda: model.fit(task))
    plain = timed(lambda: plain_loop(task))[1]
    right = model.predict(fitted, task.X_test) == task.y_test
    radii = model.radii(fitted, task)
    figures = {"accuracy": 100.0 * np.mean(right)}
    figures |= {f"at {r:g}": 100.0 * np.mean(right & (radii >= r)) for r in _RADII}
    return figures | {"times plain": seconds / plain}


class _Enforced:
    """ADMM under a bound of 2.7; radii by LipSDP's constant of the whole network."""

    def fit(self, task):
        from certified_digits import make_model

        return make_model("enforce", 2.7, task.seed).fit(task.X, task.y)

    def predict(self, model, X):
        return model.predict(X)

    def radii(self, model, task):
        from sklip import certified_radius

        certificate = model.certificate_
        return certified_radius(model, task.X_test, task.y_test, method=certificate)


def main():
    """Measure and print."""
    part, case, package, setting = sys.argv[1:]
    parts = (certificate, verification, training, step, accuracy)
    measure = {function.__name__: function for function in parts}[part]
    figures = measure(case, package, setting)
    print(json.dumps({"version": _version(package)} | figures, default=float))


def _version(package):
    try:
        return importlib.metadata.version(_NAMES.get(package, package))
    except importlib.metadata.PackageNotFoundError:  # a checkout
        return importlib.import_module(package).__version__


if __name__ == "__main__":
    main()
