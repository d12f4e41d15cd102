# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What the command line asks for; nothing that takes long to import."""

from dataclasses import dataclass, field

from sklip._cli._errors import JobError

__all__ = ["ESTIMATORS", "Job", "check_job"]

ESTIMATORS = ("regularized", "bounded", "admm", "noise")
# Options that not all of the estimators have.
_OWNERS = {
    "penalty": ("regularized",),
    "lipschitz_weight": ("regularized", "admm", "noise"),
    "lipschitz_bound": ("admm", "bounded"),
    "noise_std": ("noise",),
}


@dataclass
class Job:
    """What the command line asks for; None stands for a default that depends."""

    # File and column; both None for the bundled data.
    csv: str | None = None
    target: str | None = None
    # {"classification", "regression"} or None: None finds it from the target.
    task: str | None = None
    # {"regularized", "bounded", "admm", "noise"} or None: which family is trained
    # beside the plain network; None leaves it to the task.
    estimator: str | None = None
    # Parameters of that family, None where it has none.
    penalty: str | None = None
    lipschitz_weight: float | None = None
    lipschitz_bound: float | None = None
    noise_std: float | None = None
    # As in the estimators.
    hidden_layer_sizes: tuple = (64, 64)
    max_iter: int | None = None
    device: str = "cpu"
    random_state: int = 0
    radii: list[float] | None = None  # in the units of the threat
    # Of (str, float or pair) or None: columns that may change and by how much; None
    # lets each numeric column change in units of its standard deviation.
    tolerance: list | None = None
    # {1, 2, inf} or None: how the changes of several columns add up.
    norm: float | None = None
    baselines: bool = True  # whether a linear model and boosted trees stand beside
    group: str | None = None  # column by whose values scores are reported
    test_size: float = 0.25  # share of the rows that is held out
    # Files to write.
    plot: str | None = None
    save: str | None = None
    report: str | None = None
    explain: int | None = None  # number of rows whose nearest flip is put into words
    search: bool = False  # whether the estimator's knob is chosen by cross-validation
    # Columns of the file to leave out, the only ones to use, and those whose numbers
    # are names.
    drop: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    categorical: list[str] = field(default_factory=list)
    # How the file is written; None finds it out.
    sep: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    no_header: bool = False  # whether its first line is a row

    def family(self, task):
        """The estimator asked for, or the one that suits the task.

        Classifiers know from the radii what they are to withstand; regressors get a
        penalty, whose weight trial fits choose as well as a bound and more smoothly.
        """
        if self.estimator is not None:
            return self.estimator
        has_penalty = self.penalty is not None or self.lipschitz_weight is not None
        return "regularized" if has_penalty or task == "regression" else "bounded"


def check_job(job):
    """Refuse options that the chosen estimator does not have."""
    for name, owners in _OWNERS.items():
        # Options of a penalty say by themselves which family is meant.
        estimator = job.estimator or "regularized"
        if getattr(job, name) is not None and estimator not in owners:
            option = "--" + name.replace("_", "-")
            raise JobError(f"{option} needs --estimator {' or '.join(owners)}.")
    if job.search and job.lipschitz_weight is not None:
        raise JobError(
            "--search chooses the weight, so there is no --lipschitz-weight: give one "
            "of the two."
        )
    if job.lipschitz_bound is not None and job.lipschitz_weight is not None:
        raise JobError(
            "--lipschitz-bound enforces a bound, so there is no --lipschitz-weight: "
            "give one of the two."
        )
