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
    finite, n_kept = net.module_.flat.clone(), len(net.history)
    try:
        for _ in range(epochs):
            start = time.perf_counter()
            net.notify("on_epoch_begin", dataset_train=data, dataset_valid=valid)
            net.begin_epoch()
            net.run_single_epoch(iterator, True, "train", net.train_step)
            net.check_finite(finite, net.record["train_loss"])
            net.validate(valid, finite)
            net.samples_seen += len(data)
            finite.copy_(net.module_.flat)
            n_kept = len(net.history)
            if net.finish_epoch(data, valid, stopping, start):
                return True
    except KeyboardInterrupt as error:
        # Ctrl-C, at whatever line it came: the last epoch that is complete counts.
        net.module_.flat.copy_(finite)
        del net.history[n_kept:]
        net.end_interrupted(error)
        return True
    return False
