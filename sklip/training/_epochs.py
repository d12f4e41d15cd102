# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The stochastic solvers (stochastic gradient descent, Adam): epochs of batches."""

import time

__all__ = ["run_epochs"]


def run_epochs(net, data, valid, stopping, epochs):
    """Epochs of a net inside a session.

    Parameters
    ----------
    net : MLPNet
        An initialised net; its module holds start and result.
    data, valid : TensorData
        Training samples, and held-out ones or None.
    stopping : StoppingRule or None
        When to stop before the last epoch.
    epochs : int
        Largest number of epochs.

    Returns
    -------
    converged : bool
        False if the epochs ran out.
    """
    iterator = net.get_iterator(data, training=True)
    finite = net.module_.flat.clone()
    for _ in range(epochs):
        start = time.perf_counter()
        try:
            net.notify("on_epoch_begin", dataset_train=data, dataset_valid=valid)
            net.begin_epoch()
            net.run_single_epoch(iterator, True, "train", net.train_step)
            net.check_finite(finite, net.history[-1]["train_loss"])
            net.validate(valid, finite)
        except KeyboardInterrupt as error:
            net.module_.flat.copy_(finite)
            net.end_interrupted(error)
            return True
        net.samples_seen += len(data)
        finite.copy_(net.module_.flat)
        if net.finish_epoch(data, valid, stopping, start):
            return True
    return False
