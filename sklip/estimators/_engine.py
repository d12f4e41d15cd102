# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""From an estimator's parameters and arrays to a net and tensors."""

import copy
import warnings

import numpy as np
import torch
from sklearn.base import is_classifier
from sklearn.model_selection import train_test_split

from sklip.training import (
    FlatMLP,
    Schedule,
    StoppingRule,
    TensorData,
    restore_training_state,
)

__all__ = [
    "make_mlp",
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


def make_net(
    estimator,
    X=None,
    targets=None,
    rng=None,
    *,
    network=None,
    history=None,
    training_state=None,
):
    """Initialised net of an estimator.

    Parameters
    ----------
    estimator : BaseLipschitzMLP
        Gives the parameters.
    X, targets : ndarray of shape (n_samples, n_features) and (n_samples, n_outputs)
        Give the sizes and the type; None where ``network`` does.
    rng : RandomState
        Seeds the net's own generator.
    network : FeedForward or other fitted state, default=None
        Weights to start from; None draws new ones.
    history : History, default=None
        Record to go on with.
    training_state : dict, default=None
        Optimizer and generator to go on with.

    Returns
    -------
    net : MLPNet
        Ready to train.
    """
    seed = int(rng.randint(np.iinfo(np.int32).max))
    generator = torch.Generator().manual_seed(seed)
    module = estimator._make_module(generator, X, targets, network)
    net = _initialized(estimator, module, generator)
    net.stream_rule = StoppingRule(estimator.tol, estimator.n_iter_no_change)
    if history is not None:
        net.history.extend(copy.deepcopy(list(history)))
        net.samples_seen = estimator.t_
    if training_state is not None:
        restore_training_state(net, training_state)
    return net


def make_mlp(estimator, generator, X=None, targets=None, network=None):
    """Fully connected network of an estimator; arguments as in make_net."""
    if network is None:
        hidden = estimator._hidden_layer_sizes()
        sizes = (X.shape[1], *hidden, targets.shape[1])
    else:
        sizes = network.layer_sizes
    dtype = estimator._dtype = X.dtype.name if X is not None else estimator._dtype
    module = FlatMLP(
        sizes,
        estimator.activation,
        init_gain=estimator.init_gain,
        generator=generator,
        dtype=getattr(torch, dtype),
        device=torch_device(estimator.device),
    )
    if network is not None:
        module.load_feedforward(network)
    return module


def net_parameters(estimator):
    """Parameters that a net keeps: another value of one needs another net."""
    parameters = estimator.get_params(deep=False)
    others = _NOT_OF_THE_NET | estimator._not_of_the_net
    return {k: v for k, v in parameters.items() if k not in others}


def _initialized(estimator, module, generator):
    estimator._net_parameters = net_parameters(estimator)
    options = estimator._net_options()
    stochastic = estimator.solver not in ("adam", "lbfgs")
    schedule = Schedule(
        estimator.learning_rate if stochastic else "constant",
        estimator.power_t,
        options.pop("milestones", ()),
    )
    net = estimator._net_class(
        module,
        loss=estimator.loss,
        solver=estimator.solver,
        optimizer_options={
            "momentum": estimator.momentum,
            "nesterov": estimator.nesterovs_momentum,
            "betas": (estimator.beta_1, estimator.beta_2),
            "epsilon": estimator.epsilon,
        },
        alpha=estimator.alpha,
        penalty=estimator._make_penalty(module),
        **options,
        schedule=schedule,
        max_fun=estimator.max_fun,
        shuffle=estimator.shuffle,
        generator=generator,
        lr=estimator.learning_rate_init,
        max_epochs=estimator.max_iter,
        callbacks=list(estimator.callbacks) if estimator.callbacks else None,
        device=str(module.flat.device),
        verbose=int(estimator.verbose),
    )
    return net.initialize()


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
    """Arrays as tensors; memory is shared where type and device allow."""
    tensors = [
        None if array is None else _tensor(array, dtype, device)
        for array in (X, targets, sample_weight)
    ]
    return TensorData(*tensors, y=y)


def _tensor(array, dtype, device):
    array = np.ascontiguousarray(array)
    if not array.flags.writeable:  # torch cannot share read-only memory
        array = array.copy()
    return torch.from_numpy(array).to(device=device, dtype=dtype)


def split_validation(estimator, X, targets, sample_weight, y, rng, dtype=None):
    """Hold samples out for early stopping: [training part, validation part]."""
    classify = is_classifier(estimator)
    n_valid = int(np.ceil(estimator.validation_fraction * len(X)))
    needed = targets.shape[1] if classify else 2
    if n_valid < needed:
        raise ValueError(
            f"The validation set has {n_valid} samples and needs {needed}. Raise "
            "validation_fraction, fit more samples, or set early_stopping=False."
        )
    rows = train_test_split(
        np.arange(len(X)),
        random_state=rng,
        test_size=n_valid,
        stratify=y if classify else None,
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
    if dtype is None or X.dtype == dtype:
        return X[rows]
    taken = np.empty((len(rows), *X.shape[1:]), dtype=dtype)
    for start in range(0, len(rows), 1024):
        part = slice(start, start + 1024)
        taken[part] = X[rows[part]]
    return taken
