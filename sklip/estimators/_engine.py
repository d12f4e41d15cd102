# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""From parameters and arrays to a skorch net, batches and held-out samples."""

import copy
import warnings
from dataclasses import dataclass, fields

import numpy as np
import torch
from scipy import sparse
from sklearn.model_selection import train_test_split

from sklip.training import (
    MLPNet,
    Schedule,
    SparseRows,
    StoppingRule,
    TensorData,
    restore_training_state,
)

__all__ = [
    "NetSettings",
    "continue_net",
    "make_net",
    "net_parameters",
    "resolve_batch_size",
    "split_validation",
    "tensor_data",
    "torch_device",
]

# Parameters of an estimator that matter to one epoch only, or to the start only.
_NOT_OF_THE_NET = {
    "batch_size",
    "certificate",
    "class_weight",
    "early_stopping",
    "hidden_layer_sizes",
    "init_gain",
    "max_iter",
    "n_iter_no_change",
    "random_state",
    "tol",
    "validation_fraction",
    "warm_start",
}


@dataclass(frozen=True)
class NetSettings:
    """Parameters of an estimator that every net is made from, by their names."""

    loss: str
    solver: str | type
    momentum: float
    nesterovs_momentum: bool
    beta_1: float
    beta_2: float
    epsilon: float
    alpha: float
    learning_rate: str
    learning_rate_init: float
    power_t: float
    max_iter: int
    max_fun: int | None
    shuffle: bool
    tol: float
    n_iter_no_change: float
    verbose: int
    callbacks: list | tuple | None

    @classmethod
    def of(cls, estimator):
        """The settings of an estimator."""
        values = {f.name: getattr(estimator, f.name) for f in fields(cls)}
        return cls(**values | {"loss": estimator._loss_of_net})

    @property
    def schedule(self):
        """Schedule of the step size: as in scikit-learn, adam has its own one alone."""
        is_adam = self.solver == "adam"
        applies = self.solver != "lbfgs" and is_adam == (self.learning_rate == "auto")
        return self.learning_rate if applies else "constant"


def make_net(
    module, settings, generator, *, net_class=MLPNet, penalty=None, milestones=(), **own
):
    """Initialised net of a module.

    Parameters
    ----------
    module : FlatMLP or FlatModule
        The network to train.
    settings : NetSettings
        What all families set.
    generator : torch.Generator
        Source of the order of the samples.
    net_class : type, default=MLPNet
        Class of the net.
    penalty : Penalty, default=None
        Penalty of the family.
    milestones : tuple of int, default=()
        Epochs after which the step size drops.
    **own : dict
        Further arguments of the family's net.

    Returns
    -------
    net : MLPNet
        Ready to train.
    """
    net = net_class(
        module,
        loss=settings.loss,
        solver=settings.solver,
        optimizer_options={
            "momentum": settings.momentum,
            "nesterov": settings.nesterovs_momentum,
            "betas": (settings.beta_1, settings.beta_2),
            "epsilon": settings.epsilon,
        },
        alpha=settings.alpha,
        penalty=penalty,
        **own,
        schedule=Schedule(settings.schedule, settings.power_t, milestones),
        max_fun=settings.max_fun,
        shuffle=settings.shuffle,
        generator=generator,
        lr=settings.learning_rate_init,
        max_epochs=settings.max_iter,
        callbacks=list(settings.callbacks) if settings.callbacks else None,
        device=str(module.flat.device),
        verbose=int(settings.verbose),
    ).initialize()
    net.stream_rule = StoppingRule(settings.tol, settings.n_iter_no_change)
    return net


def continue_net(net, history, samples_seen, training_state=None):
    """Let a net go on from the record and the optimizer of an earlier training."""
    net.history.extend(copy.deepcopy(list(history)))
    net.samples_seen = samples_seen
    if training_state is not None:
        restore_training_state(net, training_state)
    return net


def net_parameters(parameters, others=()):
    """Parameters that a net keeps: another value of one needs another net."""
    left_out = _NOT_OF_THE_NET.union(others)
    return {k: v for k, v in parameters.items() if k not in left_out}


def resolve_batch_size(batch_size, n_samples):
    """Rows of a batch: "auto" is min(200, n_samples)."""
    if batch_size == "auto":
        return min(200, n_samples)
    if batch_size > n_samples:
        warnings.warn(
            f"batch_size={batch_size} is larger than the number of samples and is "
            f"clipped to {n_samples}.",
            stacklevel=6,
        )
    return min(batch_size, n_samples)


def torch_device(device):
    """Torch's device for "cpu", "cuda" or "auto"."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(device)


def tensor_data(X, targets, sample_weight, y, dtype, device):
    """Arrays as tensors; memory is shared where type and device allow.

    A sparse X stays sparse: its batches are dense.
    """
    tensors = [
        None if array is None else _tensor(array, dtype, device)
        for array in (X, targets, sample_weight)
    ]
    return TensorData(*tensors, y=y)


def _tensor(array, dtype, device):
    if sparse.issparse(array):
        return SparseRows(array, dtype, device)
    array = np.ascontiguousarray(array)
    if not array.flags.writeable:  # torch cannot share read-only memory
        array = array.copy()
    return torch.from_numpy(array).to(device=device, dtype=dtype)


def split_validation(
    X, targets, sample_weight, y, *, fraction, stratify, rng, dtype=None
):
    """Hold samples out for early stopping: [training part, validation part]."""
    n_samples = X.shape[0]
    n_valid = int(np.ceil(fraction * n_samples))
    needed = targets.shape[1] if stratify else 2
    if n_valid < needed:
        raise ValueError(
            f"The validation set has {n_valid} samples and needs {needed}. Raise "
            "validation_fraction, fit more samples, or set early_stopping=False."
        )
    rows = train_test_split(
        np.arange(n_samples),
        random_state=rng,
        test_size=n_valid,
        stratify=y if stratify else None,
    )
    split = []
    for name, part in zip(("training", "validation"), rows, strict=True):
        weight = None if sample_weight is None else sample_weight[part]
        if weight is not None and not weight.any():
            raise ValueError(
                f"early_stopping drew a {name} set in which every sample_weight is 0. "
                "Leave those samples out, or change validation_fraction or "
                "random_state."
            )
        split.append((_take(X, part, dtype), targets[part], weight, y[part]))
    return split


def _take(X, rows, dtype):
    """Rows of X in another type, without a second copy on the way."""
    if dtype is None or X.dtype == dtype or sparse.issparse(X):
        return X[rows]
    taken = np.empty((len(rows), *X.shape[1:]), dtype=dtype)
    for start in range(0, len(rows), 1024):
        part = slice(start, start + 1024)
        taken[part] = X[rows[part]]
    return taken
