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
    """What the command line asks for; None stands for a default that depends.

    Attributes
    ----------
    csv, target : str or None
        File and column; both None for the bundled data.
    task : {"classification", "regression"} or None
        None finds it from the target.
    estimator : {"regularized", "bounded", "admm", "noise"}
        Which family is trained beside the plain network.
    penalty, lipschitz_weight, lipschitz_bound, noise_std
        Parameters of that family, None where it has none.
    hidden_layer_sizes, max_iter, device, random_state
        As in the estimators.
    radii : list of float or None
        In the units of the threat.
    tolerance : list of (str, float or pair) or None
        Columns that may change and by how much; None lets each numeric column change
        in units of its standard deviation.
    norm : {1, 2, inf} or None
        How the changes of several columns add up.
    baselines : bool
        Whether a linear model and boosted trees stand beside.
    group : str or None
        Column by whose values scores are reported.
    test_size : float
        Share of the rows that is held out.
    search : bool
        Whether the estimator's knob is chosen by cross-validation.
    explain : int or None
        Number of rows whose nearest flip is put into words.
    plot, save, report : str or None
        Files to write.
    drop, columns, categorical : list of str
        Columns of the file to leave out, the only ones to use, and those whose numbers
        are names.
    sep, decimal, encoding : str or None
        How the file is written; None finds it out.
    no_header : bool
        Whether its first line is a row.
    """

    csv: str | None = None
    target: str | None = None
    task: str | None = None
    estimator: str = "regularized"
    penalty: str | None = None
    lipschitz_weight: float | None = None
    lipschitz_bound: float | None = None
    noise_std: float | None = None
    hidden_layer_sizes: tuple = (64, 64)
    max_iter: int | None = None
    device: str = "cpu"
    random_state: int = 0
    radii: list | None = None
    tolerance: list | None = None
    norm: float | None = None
    baselines: bool = True
    group: str | None = None
    test_size: float = 0.25
    plot: str | None = None
    save: str | None = None
    report: str | None = None
    explain: int | None = None
    search: bool = False
    drop: list = field(default_factory=list)
    columns: list = field(default_factory=list)
    categorical: list = field(default_factory=list)
    sep: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    no_header: bool = False


def check_job(job):
    """Refuse options that the chosen estimator does not have."""
    for name, owners in _OWNERS.items():
        if getattr(job, name) is not None and job.estimator not in owners:
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
