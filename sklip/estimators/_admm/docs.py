# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Parameters and attributes of the multilayer perceptrons trained by ADMM."""

from sklip._documentation import entries
from sklip.estimators._weight import weight_entries

__all__ = ["ADMM", "ADMM_CLASSIFIER"]

_SQUARE = (
    "mu of the squared bound; a number is refused where ``lipschitz_bound`` is given."
)
_ENFORCED = "where a bound is enforced"
ADMM_CLASSIFIER = weight_entries(1e-2, _SQUARE, _ENFORCED)

ADMM = entries(
    """
    hidden_layer_sizes : array-like of int, default=(100,)
        Number of units of each hidden layer; ``()`` is a linear model.
    activation : str or sequence of str, default="relu"
        Activation of the hidden layers, or one for each layer, with slopes that begin
        at 0: relu, tanh, logistic, softplus or elu.
    solver : {"adam", "sgd", "lbfgs"} or torch optimizer class, default="adam"
        Method of the loss steps and the start. ``"lbfgs"`` uses all samples in each
        step, suits small data and reaches high accuracy.
    alpha : float, default=1e-4
        Weight of the L2 term of the weights, part of the loss in all phases; biases
        are free.
    learning_rate_init : float, default=1e-3
        Step size of the optimizer; it falls to zero over the ADMM iterations.
    learning_rate : {"auto", "constant", "invscaling", "adaptive"}, default="auto"
        Schedule of the step size. With ``"auto"``, ``"adam"`` and ``max_iter`` of at
        least 150 it falls from five times ``learning_rate_init`` to 0 in the start,
        which then takes half of ``max_iter``, and from there again over the ADMM
        iterations. Not so with ``max_admm_iter``, ``early_stopping`` or an LRScheduler
        among the callbacks, where it is ``learning_rate_init`` at first. Others as in
        MLPClassifier, for ``"sgd"`` and torch optimizers.
    max_iter : int, default=200
        Largest number of epochs (iterations of ``"lbfgs"``) of the start.
    verbose : bool or int, default=False
        Print a line for each epoch of the start, "Start: epoch 7", and for each ADMM
        iteration, "ADMM iteration 3 of at most 100"; 2 also prints the epochs of each
        iteration, counted from the first of the start on.
    warm_start : bool, default=False
        Go on with the ADMM of the last fit, also towards another bound; the layers
        must be the same.
    early_stopping : bool, default=False
        Hold ``validation_fraction`` of the samples out, stop the start and the
        iterations when their score stalls and keep the best certified weights.
    n_iter_no_change : int or inf, default=10
        Epochs without improvement that are allowed, of the start and, where the step
        size falls by itself, of the iterations; iterations else.
    certificate : str or None, default="auto"
        Method of :func:`sklip.bounds.lipschitz_bound` that certifies the network at
        the end of fit. "auto" is ``"lipsdp"`` up to 512 hidden neurons and
        ``"sequential"`` above. None proves with the multipliers of the training alone,
        which is also what counts wherever it gives the smaller bound.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where to train. Projections, prediction and certificate are always float64 on
        the CPU.
    callbacks : list of skorch callbacks, default=None
        E.g. ``EarlyStopping(monitor="train_loss")``. The objects given run themselves,
        as in skorch; only classes are instantiated, and ``clone`` (so every search)
        copies them by their parameters. ``set_params(callbacks__name__parameter=...)``
        reaches them. They see the start
        and the iterations as two trainings.
    network_ : FeedForward
        The fitted network in float64, with the certified weights; prediction and
        certificate use this object.
    certificate_ : LipschitzCertificate
        Proof of ``lipschitz_bound_``.
    n_iter_ : int
        Epochs of the start in the last fit, at most ``max_iter``; 1 without a start.
    history_ : skorch.history.History
        One record for each epoch: ``train_loss``, ``dur`` (seconds), with early
        stopping also ``valid_loss`` and ``valid_score``; in the last epoch of an ADMM
        iteration ``primal_residual``, ``dual_residual`` and ``lmi_bound``.
    loss_curve_ : list of float
        Training objective of each epoch, the terms of the augmented Lagrangian
        included.
    lipschitz_bound : float, default=None
        Bound of the l2 Lipschitz constant to enforce. Every positive value can be
        kept, and is kept exactly: ``lipschitz_bound_ <= lipschitz_bound``. None
        penalises the bound with ``lipschitz_weight`` instead.
    rho : float or {"auto", "balanced"}, default="auto"
        Penalty of the distance between trained and certified weights. "auto" adapts
        it to the forces that hold the weights at the bound, "balanced" to the
        residuals.
    max_admm_iter : int or "auto", default="auto"
        Largest number of ADMM iterations; "auto" is as many as take min(100, max_iter)
        epochs, 80 where the step size falls by itself, or min(100, max_iter) where
        ``epochs_per_iter`` is given or with ``"lbfgs"``.
    epochs_per_iter : int or "auto", default="auto"
        Epochs between two projections; "auto" is 1, or as many as have eight batches
        for each hidden layer (64 where ``max_admm_iter="auto"`` leaves twelve
        iterations, and no more than leave eight), and with ``"lbfgs"``
        min(100, max_iter) iterations.
    init_alpha : float, default=3e-3
        L2 weight of the training that finds the start: ``init_alpha / 2 ||W||_F^2`` is
        added to the loss, whatever the number of samples. With an enforced bound (and
        but for ``"lbfgs"``) it is in force as far as the product of the layers' norms
        exceeds the bound: none within it, all from ten times it on.
    multipliers : {"lipsdp", "layer"} or list of array-like of shape (n_units,), \
            default="lipsdp"
        LipSDP's multipliers T, which are fixed in each projection: those of the start,
        one for each neuron (``"lipsdp"``) or layer (``"layer"``), or given positive
        numbers for each hidden layer.
    refresh_multipliers : int or "auto", default="auto"
        ADMM iterations between two searches for multipliers that suit the present
        weights; 0 keeps those of the start. "auto", with an enforced bound, searches
        while more than half a percent of it is unused, and uses up what is left at
        the end where that lowers the training loss; without one it is 0. Given
        multipliers stay, and a number of iterations is refused with them.
    admm_tol : float, default=1e-2
        Relative primal and dual residual at which to stop.
    step_tol : float, default=1e-4
        Relative accuracy of a projection. The bound holds whatever it is.
    sdp_solver : {"native", "scs", "clarabel", "mosek"}, default="native"
        What projects: a method made for the problem, or a general one through cvxpy,
        for comparison on small networks.
    lmi_bound_ : float
        Bound that the multipliers of the training prove: the enforced one, or the
        optimal L of the regularised problem.
    multipliers_ : list of ndarray of shape (n_units,)
        Those multipliers T.
    primal_residuals_ : list of float
        For each iteration ``||W - V||`` over the larger of ``||W||`` and ``||V||``, W
        the trained and V the certified weights.
    dual_residuals_ : list of float
        For each iteration ``rho ||V - V_before||`` over the larger of ``||Y||`` and
        ``rho ||V||``.
    n_admm_iter_ : int
        ADMM iterations; those of all calls of ``partial_fit``.
    """
)
ADMM |= weight_entries(1e-3, _SQUARE, _ENFORCED)
ADMM["reference"] = """\
.. [1] P. Pauli, A. Koch, J. Berberich, P. Kohler, F. Allgöwer, "Training robust
   neural networks using Lipschitz bounds", IEEE Control Systems Letters, 2021."""
