# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Multilayer perceptron classifiers with a penalty on their Lipschitz constant."""

from numbers import Real

from sklip._compat import Interval, StrOptions
from sklip.estimators._mlp import BaseLipschitzMLP
from sklip.estimators._parameters import abstract
from sklip.estimators._targets import NetworkClassifierMixin
from sklip.training import PENALTIES

__all__ = ["LipschitzRegularizedMLP", "LipschitzRegularizedMLPClassifier"]


@abstract
class LipschitzRegularizedMLP(BaseLipschitzMLP):
    """Base of the regularised multilayer perceptrons; for isinstance checks.

    It cannot be instantiated: use :class:`LipschitzRegularizedMLPClassifier` or
    :class:`LipschitzRegularizedMLPRegressor`.

    Raises
    ------
    TypeError
        If it is instantiated itself.

    Examples
    --------
    >>> from sklip import LipschitzRegularizedMLP, LipschitzRegularizedMLPClassifier
    >>> isinstance(LipschitzRegularizedMLPClassifier(), LipschitzRegularizedMLP)
    True
    """

    _parameter_constraints = {
        **BaseLipschitzMLP._parameter_constraints,
        "penalty": [StrOptions({"none", *PENALTIES})],
        "lipschitz_weight": [Interval(Real, 0, None, closed="left")],
    }

    def _make_penalty(self, module):
        if self.penalty == "none" or self.lipschitz_weight == 0:
            return None
        return PENALTIES[self.penalty](module, self.lipschitz_weight)


class LipschitzRegularizedMLPClassifier(
    NetworkClassifierMixin, LipschitzRegularizedMLP
):
    """Multilayer perceptron classifier that is trained to be robust and certified.

    The training minimises the weighted mean of the loss plus
    ``alpha / 2 * ||W||_F^2 / sum(sample_weight)`` plus ``lipschitz_weight`` times the
    penalty. The bound that fit proves says how far the
    logits can move when the input moves, and :func:`sklip.certified_radius` turns it
    into a distance within which no prediction changes.

    Ctrl-C ends the training and keeps the epochs done, certified; a warning says so. A
    fit of a clone, as searches make them, keeps them too and passes the interrupt on,
    and so does any fit that meets a second Ctrl-C within a minute.

    Parameters
    ----------
    hidden_layer_sizes : array-like of int, default=(100,)
        Number of units of each hidden layer.
    activation : str or sequence of str, default="relu"
        Activation of the hidden layers: one of
        :func:`sklip.networks.list_activations`, or one for each layer.
    penalty : {"spectral", "product", "jacobian", "lipsdp", "none"}, default="spectral"
        What is penalised: ``"spectral"`` is half the sum of the squared spectral norms
        of the weight matrices, ``"product"`` the product of the spectral norms,
        ``"jacobian"`` half the mean over the samples of the squared Frobenius norm of
        the Jacobian (a local, unproven quantity), ``"lipsdp"`` the square of LipSDP's
        bound (solved again every few steps: many times slower), ``"none"`` nothing.
    lipschitz_weight : float, default=1e-2
        Weight of the penalty. 0 trains the same network as ``penalty="none"``.
    solver : {"adam", "sgd", "lbfgs"} or torch optimizer class, default="adam"
        ``"lbfgs"`` uses all samples in each step and suits small data.
    momentum : float in [0, 1), default=0.9
        Momentum of ``"sgd"``.
    nesterovs_momentum : bool, default=True
        Whether the momentum of ``"sgd"`` is Nesterov's.
    beta_1, beta_2 : float in [0, 1), default=0.9 and 0.999
        Decay rates of the two moments of ``"adam"``.
    epsilon : float, default=1e-8
        Added to the divisor of ``"adam"``.
    alpha : float, default=1e-4
        Weight of the L2 term of the weights; biases are free.
    batch_size : int or "auto", default="auto"
        Rows of a batch; "auto" is min(200, n_samples). Not used by ``"lbfgs"``.
    learning_rate_init : float, default=1e-3
        Step size of the optimizer.
    learning_rate : {"constant", "invscaling", "adaptive"}, default="constant"
        Schedule of the step size of ``"sgd"`` and torch optimizers; ``"adam"`` and
        ``"lbfgs"`` do not use it. ``"invscaling"`` divides ``learning_rate_init`` by
        ``(t + 1) ** power_t``, t the samples seen before an epoch; ``"adaptive"``
        divides by 5 whenever training would stop for lack of progress, down to 1e-6.
    power_t : float, default=0.5
        Exponent of ``"invscaling"``.
    max_iter : int, default=200
        Largest number of epochs (iterations of ``"lbfgs"``).
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
        Print a line for each epoch.
    warm_start : bool, default=False
        Start the next fit from the present weights; the layers must be the same.
    early_stopping : bool, default=False
        Hold ``validation_fraction`` of the samples out, stop when their score stalls
        and keep the best weights.
    validation_fraction : float in (0, 1), default=0.1
        Share held out by ``early_stopping``.
    n_iter_no_change : int or inf, default=10
        Epochs without improvement that are allowed.
    init_gain : float, default=1.0
        Gain of Glorot's normal initialisation.
    loss : {"cross_entropy", "hinge"}, default="cross_entropy"
        ``"hinge"`` is max(0, 1 - margin), with the margin that certificates use.
    class_weight : dict, "balanced" or None, default=None
        Factors of the classes' sample weights.
    certificate : str or None, default="auto"
        Method of :func:`sklip.bounds.lipschitz_bound` that certifies the network at
        the end of fit. "auto" is ``"lipsdp"`` up to 128 hidden neurons (a tenth of a
        second) and ``"sequential"`` above; None computes no certificate.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where to train. Prediction and certificate are always float64 on the CPU.
    callbacks : list of skorch callbacks, default=None
        E.g. ``EarlyStopping(monitor="train_loss")``. The objects given run themselves,
        as in skorch; only classes are instantiated, and ``clone`` (so every search)
        copies them by their parameters. ``set_params(callbacks__name__parameter=...)``
        reaches them. Those that watch
        ``valid_loss`` need ``early_stopping=True``; those that change gradients or the
        learning rate have no effect on ``"lbfgs"``.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels, in the order of the logits.
    network_ : FeedForward
        The fitted network in float64; prediction and certificate use this object.
    certificate_ : LipschitzCertificate or None
        Proof of ``lipschitz_bound_``.
    lipschitz_bound_ : float or None
        Proven upper bound of the l2 Lipschitz constant of all logits together.
        Of two classes ``decision_function`` is the difference of the two, up to sqrt(2)
        times as steep: ``lipschitz_bound(model)`` bounds that.
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
        Epochs of the last fit.
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
        stopping also ``valid_loss`` and ``valid_score``.
    loss_curve_ : list of float
        Training loss, penalties included, of each epoch.
    net_ : skorch.NeuralNet
        The trained net; dropped when pickled and rebuilt on demand.

    See Also
    --------
    sklip.bounds.lipschitz_bound : Certify any fitted network.
    sklip.certification.certified_radius : Distance to the nearest possible flip.

    References
    ----------
    .. [1] Y. Yoshida, T. Miyato, "Spectral norm regularization for improving the
       generalizability of deep learning", arXiv:1705.10941, 2017 (``"spectral"``).
    .. [2] A. Abuduweili, C. Liu, "Estimating neural network robustness via Lipschitz
       constant and architecture sensitivity", 2024, (28) (``"product"``; item A28).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklip import LipschitzRegularizedMLPClassifier, certified_radius
    >>> X, y = load_iris(return_X_y=True)
    >>> model = make_pipeline(
    ...     StandardScaler(),
    ...     LipschitzRegularizedMLPClassifier(
    ...         (16,), solver="lbfgs", max_iter=500, random_state=0
    ...     ),
    ... ).fit(X, y)
    >>> model.score(X, y) > 0.9
    True
    >>> radius = certified_radius(model, X)  # centimetres, as X
    >>> radius.shape
    (150,)
    """

    _parameter_constraints = {
        **LipschitzRegularizedMLP._parameter_constraints,
        **NetworkClassifierMixin._target_constraints,
    }

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        penalty="spectral",
        lipschitz_weight=1e-2,
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
