# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The estimators that ``--estimator`` chooses from, and what each takes."""

from dataclasses import dataclass, field

from sklip.estimators import (
    ADMMLipschitzMLPClassifier,
    ADMMLipschitzMLPRegressor,
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
    "admm": (ADMMLipschitzMLPClassifier, ADMMLipschitzMLPRegressor),
    "noise": (NoiseLipschitzClassifier, NoiseLipschitzRegressor),
}
# Little lost in score and much gained in the bound, on tables of some hundred to some
# ten thousand rows; for classification and regression.
_WEIGHTS = {"regularized": (0.1, 0.01), "admm": (0.01, 0.003), "noise": (10.0, 0.1)}
_NOISE_STD = 0.25
_MOST_ADMM_ITERATIONS = 100


@dataclass
class Choice:
    """One column of the report: an estimator and the parameters that make it special.

    Attributes
    ----------
    name : str
        Heading in the report.
    estimator : {"regularized", "admm", "noise"}
        Which family.
    parameters : dict
        Parameters of the family.
    """

    name: str
    estimator: str
    parameters: dict = field(default_factory=dict)

    @property
    def description(self):
        """Name and numbers, for a sentence."""
        numbers = [
            f"{name} {value:g}"
            for name, value in self.parameters.items()
            if not isinstance(value, str) and name != "max_admm_iter"
        ]
        with_numbers = f" with {' and '.join(numbers)}" if numbers else ""
        return self.name + with_numbers

    def make(self, task, *arguments, **parameters):
        """The estimator for a task."""
        kind = _CLASSES[self.estimator][task == "regression"]
        return kind(*arguments, **{**parameters, **self.parameters})


def choose(job, task, max_iter):
    """The estimator that the job asks for."""
    weight = job.lipschitz_weight
    if weight is None:
        weight = _WEIGHTS[job.estimator][task == "regression"]
    if job.estimator == "noise":
        noise_std = _NOISE_STD if job.noise_std is None else job.noise_std
        parameters = {"noise_std": noise_std, "lipschitz_weight": weight}
        return Choice("noise training", "noise", parameters)
    if job.estimator == "admm":
        goal = {"lipschitz_weight": weight}
        if job.lipschitz_bound is not None:
            goal = {"lipschitz_bound": job.lipschitz_bound}
        rounds = min(max_iter, _MOST_ADMM_ITERATIONS)
        return Choice("ADMM", "admm", {**goal, "max_admm_iter": rounds})
    penalty = job.penalty or "spectral"
    if penalty == "none":
        return plain()
    parameters = {"penalty": penalty, "lipschitz_weight": weight}
    return Choice(f"{penalty} penalty", "regularized", parameters)


def plain():
    """The network that the chosen one is compared with."""
    return Choice("no penalty", "regularized", {"penalty": "none"})
