# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Multilayer perceptron classifiers that are trained by ADMM."""

from sklip.estimators._admm.base import ADMMLipschitzMLP
from sklip.estimators._targets import NetworkClassifierMixin

__all__ = ["ADMMLipschitzMLPClassifier"]


class ADMMLipschitzMLPClassifier(NetworkClassifierMixin, ADMMLipschitzMLP):
    """Multilayer perceptron classifier that keeps an enforced Lipschitz bound.

    Training alternates between loss steps and projections on the networks that a fixed
    matrix inequality certifies. The bound is either enforced (``lipschitz_bound``) or
    penalised (``lipschitz_weight``), and proven for the network that predicts.

    Ctrl-C ends the training and keeps the epochs done, certified; a warning says so. A
    fit of a clone, as searches make them, keeps them too and passes the interrupt on,
    and so does any fit that meets a second Ctrl-C within a minute.

    Parameters
    ----------
    hidden_layer_sizes : array-like of int, default=(100,)
        Number of units of each hidden layer; ``()`` is a linear model.
    activation : str or sequence of str, default="relu"
        Activation of the hidden layers, or one for each layer, with slopes that begin
        at 0: relu, tanh, logistic, softplus or elu.
    lipschitz_bound : float, default=None
        Bound of the l2 Lipschitz constant to enforce. Every positive value can be
        kept, and is kept exactly: ``lipschitz_bound_ <= lipschitz_bound``. None
        penalises the bound with ``lipschitz_weight`` instead.
    lipschitz_weight : float, default=1e-2
        Weight mu of the squared bound; not used where a bound is enforced.
    rho : float or {"auto", "balanced"}, default="auto"
        Penalty of the distance between trained and certified weights. "auto" adapts
        it to the forces that hold the weights at the bound, "balanced" to the
        residuals.
    max_admm_iter : int or "auto", default="auto"
        Largest number of ADMM iterations; "auto" is min(100, max_iter).
    epochs_per_iter : int or "auto", default="auto"
        Epochs between two projections; "auto" is 1, with ``"lbfgs"`` min(100, max_iter)
        iterations.
    init_alpha : float, default=3e-3
        L2 weight of the training that finds the start: ``init_alpha / 2 ||W||_F^2`` is
        added to the loss, whatever the number of samples.
    multipliers : {"lipsdp", "layer"} or list of array-like of shape (n_units,), \
            default="lipsdp"
        LipSDP's multipliers T, which are fixed in each projection: those of the start,
        one for each neuron (``"lipsdp"``) or layer (``"layer"``), or given positive
        numbers for each hidden layer.
    refresh_multipliers : int, default=0
        ADMM iterations between two searches for multipliers that suit the present
        weights; 0 keeps those of the start.
    admm_tol : float, default=1e-2
        Relative primal and dual residual at which to stop.
    step_tol : float, default=1e-4
        Relative accuracy of a projection. The bound holds whatever it is.
    sdp_solver : {"native", "scs", "clarabel", "mosek"}, default="native"
        What projects: a method made for the problem, or a general one through cvxpy,
        for comparison on small networks.
    solver : {"adam", "sgd", "lbfgs"} or torch optimizer class, default="adam"
        Method of the loss steps and the start. ``"lbfgs"`` uses all samples in each
        step, suits small data and reaches high accuracy.
    momentum : float in [0, 1), default=0.9
        Momentum of ``"sgd"``.
    nesterovs_momentum : bool, default=True
        Whether the momentum of ``"sgd"`` is Nesterov's.
    beta_1, beta_2 : float in [0, 1), default=0.9 and 0.999
        Decay rates of the two moments of ``"adam"``.
    epsilon : float, default=1e-8
        Added to the divisor of ``"adam"``.
    alpha : float, default=1e-4
        Weight of the L2 term of the weights, part of the loss in all phases; biases
        are free.
    batch_size : int or "auto", default="auto"
        Rows of a batch; "auto" is min(200, n_samples). Not used by ``"lbfgs"``.
    learning_rate_init : float, default=1e-3
        Step size of the optimizer; it falls linearly to zero over the ADMM iterations.
    learning_rate : {"constant", "invscaling", "adaptive"}, default="constant"
        Schedule of the step size of ``"sgd"`` and torch optimizers; ``"adam"`` and
        ``"lbfgs"`` do not use it. ``"invscaling"`` divides ``learning_rate_init`` by
        ``(t + 1) ** power_t``, t the samples seen before an epoch; ``"adaptive"``
        divides by 5 whenever training would stop for lack of progress, down to 1e-6.
    power_t : float, default=0.5
        Exponent of ``"invscaling"``.
    max_iter : int, default=200
        Largest number of epochs (iterations of ``"lbfgs"``) of the start.
    max_fun : int, default=15000
        Largest number of evaluations of the loss and gradient by ``"lbfgs"``.
    shuffle : bool, default=True
        Draw a new order of the samples in each epoch.
    random_state : int, RandomState instance or None, default=None
        Seeds initial weights, batches and the validation split. torch's and numpy's
        global generators are never touched.
    tol : float, default=1e-4
        Smallest improvement of the training loss (or validation score) that counts.
    verbose : bool or int, default=False
        Print a line for each epoch of the start and each ADMM iteration; 2 also prints
        the epochs in between.
    warm_start : bool, default=False
        Go on with the ADMM of the last fit, also towards another bound; the layers
        must be the same.
    early_stopping : bool, default=False
        Hold ``validation_fraction`` of the samples out, stop the start and the
        iterations when their score stalls and keep the best certified weights.
    validation_fraction : float in (0, 1), default=0.1
        Share held out by ``early_stopping``.
    n_iter_no_change : int or inf, default=10
        Epochs of the start, or iterations, without improvement that are allowed.
    init_gain : float, default=1.0
        Gain of Glorot's normal initialisation.
    loss : {"cross_entropy", "hinge"}, default="cross_entropy"
        ``"hinge"`` is max(0, 1 - margin), with the margin that certificates use.
    class_weight : dict, "balanced" or None, default=None
        Factors of the classes' sample weights.
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

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels, in the order of the logits.
    network_ : FeedForward
        The fitted network in float64, with the certified weights; prediction and
        certificate use this object.
    certificate_ : LipschitzCertificate
        Proof of ``lipschitz_bound_``.
    lipschitz_bound_ : float
        Proven upper bound of the l2 Lipschitz constant of all logits together, with
        the best multipliers that were found. Of two classes ``decision_function`` is
        the difference of the two, up to sqrt(2) times as steep:
        ``lipschitz_bound(model)`` bounds that.
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
    coefs_ : list of ndarray of shape (n_in, n_out)
        Weights, as in scikit-learn.
    intercepts_ : list of ndarray of shape (n_out,)
        Biases.
    n_features_in_ : int
        Number of features seen in fit.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if X had names.
    n_outputs_ : int
        Number of outputs of the network.
    n_layers_ : int
        Number of layers, input and output included.
    n_iter_ : int
        Epochs of the start in the last fit, at most ``max_iter``; 1 without a start.
    n_admm_iter_ : int
        ADMM iterations; those of all calls of ``partial_fit``.
    t_ : int
        Samples that all epochs so far have seen.
    loss_ : float
        Training loss of the last epoch.
    best_loss_ : float or None
        Smallest training loss; None with early stopping.
    validation_scores_ : list of float or None
        Score of the held-out samples after each epoch, with early stopping.
    best_validation_score_ : float or None
        The best of them.
    out_activation_ : str
        What turns outputs into predictions, as scikit-learn names it.
    history_ : skorch.history.History
        One record for each epoch: ``train_loss``, ``dur`` (seconds), with early
        stopping also ``valid_loss`` and ``valid_score``; in the last epoch of an ADMM
        iteration ``primal_residual``, ``dual_residual`` and ``lmi_bound``.
    loss_curve_ : list of float
        Training objective of each epoch, the terms of the augmented Lagrangian
        included.
    net_ : skorch.NeuralNet
        The trained net; dropped when pickled and rebuilt on demand.

    See Also
    --------
    LipschitzRegularizedMLPClassifier : A penalty instead of a constraint: faster,
        any activation, no bound that is known in advance.
    sklip.bounds.lipschitz_bound : Certify any fitted network.
    sklip.certification.certified_radius : Distance to the nearest possible flip.

    Notes
    -----
    With W all weight matrices and M the matrix inequality of LipSDP for fixed T, the
    problem is to minimise ``loss(W) + mu L^2`` (or the loss alone, with L given) over
    W, V and L, subject to ``W = V`` and ``M(L^2, V) <= 0``. It is split into loss steps
    on W (:math:`10a`), projections of V (:math:`10b`) and steps on the multipliers Y
    of ``W = V`` (:math:`10c`), Y shaped like W [1]_ (items P14, P15, P20), for any
    depth (Remark 4). For a convex loss, that is without hidden layers, the iteration
    converges to the global optimum if each loss step is solved well
    (``solver="lbfgs"``, small ``tol``, ``step_tol`` and ``admm_tol``).

    The network that predicts has the weights V, certified after every iteration, and
    biases that are fitted again with V fixed. Squares of ``"squared_error"`` have the
    factor 1/2: for the paper's mu and rho of a mean squared error take half.

    References
    ----------
    .. [1] P. Pauli, A. Koch, J. Berberich, P. Kohler, F. Allgöwer, "Training robust
       neural networks using Lipschitz bounds", IEEE Control Systems Letters, 2021.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklip import ADMMLipschitzMLPClassifier, certified_radius
    >>> X, y = load_iris(return_X_y=True)
    >>> network = ADMMLipschitzMLPClassifier(
    ...     (16,), lipschitz_bound=5.0, solver="lbfgs", random_state=0
    ... )
    >>> model = make_pipeline(StandardScaler(), network).fit(X, y)
    >>> network.lipschitz_bound_ <= 5.0
    True
    >>> model.score(X, y) > 0.9
    True
    >>> radius = certified_radius(model, X)  # centimetres, as X
    >>> radius.shape
    (150,)
    """

    _parameter_constraints = {
        **ADMMLipschitzMLP._parameter_constraints,
        **NetworkClassifierMixin._target_constraints,
    }

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        lipschitz_bound=None,
        lipschitz_weight=1e-2,
        rho="auto",
        max_admm_iter="auto",
        epochs_per_iter="auto",
        init_alpha=3e-3,
        multipliers="lipsdp",
        refresh_multipliers=0,
        admm_tol=1e-2,
        step_tol=1e-4,
        sdp_solver="native",
        solver="adam",
        momentum=0.9,
        nesterovs_momentum=True,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        alpha=1e-4,
        batch_size="auto",
        learning_rate_init=1e-3,
        learning_rate="constant",
        power_t=0.5,
        max_iter=200,
        max_fun=15000,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        init_gain=1.0,
        loss="cross_entropy",
        class_weight=None,
        certificate="auto",
        device="cpu",
        callbacks=None,
    ):
        self._store(locals())
