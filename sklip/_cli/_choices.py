# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The estimators that ``--estimator`` chooses from, and what each takes."""

from dataclasses import dataclass, field, replace
from inspect import signature

from sklip._cli._errors import JobError
from sklip._cli._reach import trained_radius
from sklip.estimators import (
    ADMMLipschitzMLPClassifier,
    ADMMLipschitzMLPRegressor,
    LipschitzBoundedMLPClassifier,
    LipschitzBoundedMLPRegressor,
    LipschitzRegularizedMLPClassifier,
    LipschitzRegularizedMLPRegressor,
    NoiseLipschitzClassifier,
    NoiseLipschitzRegressor,
)

__all__ = ["Choice", "choose", "plain"]

_CLASSES = {
    "regularized": (
        LipschitzRegularizedMLPClassifier,
        LipschitzRegularizedMLPRegressor,
    ),
    "bounded": (LipschitzBoundedMLPClassifier, LipschitzBoundedMLPRegressor),
    "admm": (ADMMLipschitzMLPClassifier, ADMMLipschitzMLPRegressor),
    "noise": (NoiseLipschitzClassifier, NoiseLipschitzRegressor),
}
_NOISE_STD = 0.25
_MOST_ADMM_ITERATIONS = 100
# Its step size comes to rest after whatever number of epochs: more are seldom better.
_BOUNDED_EPOCHS = 80
_BOUND = 1.0


@dataclass
class Choice:
    """One column of the report: an estimator with parameters of its own."""

    name: str  # heading in the report
    estimator: str  # {"regularized", "bounded", "admm", "noise"}: which family
    parameters: dict = field(default_factory=dict)  # parameters of the family
    usual: str | None = None  # which of them nobody asked for and rows may choose

    @property
    def description(self):
        """Name and numbers, for a sentence."""
        numbers = [
            f"{name} {value:g}"
            for name, value in self.parameters.items()
            if not isinstance(value, str) and name not in ("max_admm_iter", "max_iter")
        ]
        with_numbers = f" with {' and '.join(numbers)}" if numbers else ""
        return self.name + with_numbers

    def scaled(self, factor):
        """The choice with that many times the usual value."""
        value = float(f"{factor * self.parameters[self.usual]:.6g}")
        return replace(self, parameters={**self.parameters, self.usual: value})

    def make(self, task, *arguments, **parameters):
        """The estimator for a task."""
        kind = _CLASSES[self.estimator][task == "regression"]
        return kind(*arguments, **{**parameters, **self.parameters})


def choose(job, table, threat, max_iter, radii):
    """The estimator that the job asks for; radii are those of the report, sorted."""
    family = job.family(table.task)
    if family == "bounded":
        return _bounded(job, table, threat, max_iter, radii)
    weight, usual = job.lipschitz_weight, None
    if weight is None:
        usual = "lipschitz_weight"
        kind = _CLASSES[family][table.task == "regression"]
        weight = signature(kind).parameters["lipschitz_weight"].default
        if weight == "auto":
            weight = kind._auto_weight(len(table.X_train))
    if family == "noise":
        noise_std = _NOISE_STD if job.noise_std is None else job.noise_std
        parameters = {"noise_std": noise_std, "lipschitz_weight": weight}
        return Choice("noise training", "noise", parameters, usual)
    if family == "admm":
        goal = {"lipschitz_weight": weight}
        if job.lipschitz_bound is not None:
            goal, usual = {"lipschitz_bound": job.lipschitz_bound}, None
        rounds = min(max_iter, _MOST_ADMM_ITERATIONS)
        return Choice("ADMM", "admm", {**goal, "max_admm_iter": rounds}, usual)
    penalty = job.penalty or "spectral"
    if penalty == "none":
        return plain()
    parameters = {"penalty": penalty, "lipschitz_weight": weight}
    return Choice(f"{penalty} penalty", "regularized", parameters, usual)


def _bounded(job, table, threat, max_iter, radii):
    epochs = {} if job.max_iter else {"max_iter": min(max_iter, _BOUNDED_EPOCHS)}
    if table.task == "regression":
        bound, usual = job.lipschitz_bound, None
        if bound is None:
            bound, usual = _BOUND, "lipschitz_bound"
        return Choice("bounded", "bounded", {"lipschitz_bound": bound, **epochs}, usual)
    if job.lipschitz_bound is not None:
        raise JobError(
            "--lipschitz-bound with --estimator bounded is for regression: a "
            "classifier's last layer is free, and --radius says how robust it is to be."
        )
    radius = trained_radius(table, threat, radii)
    return Choice("bounded", "bounded", {"radius": radius, **epochs})


def plain():
    """The network that the chosen one is compared with."""
    return Choice("no penalty", "regularized", {"penalty": "none"})
