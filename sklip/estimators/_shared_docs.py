# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Parameters and attributes that several families of estimators share."""

from sklip._documentation import answers, entries
from sklip._shared_docs import EXAMPLES

__all__ = ["CLASSIFIER", "FIT", "PREDICT", "REGRESSOR", "SHARED"]

SHARED = EXAMPLES | entries(
    """
    activation : str or sequence of str, default="relu"
        Activation of the hidden layers: one of
        :func:`sklip.networks.list_activations`, or one for each layer.
    momentum : float in [0, 1], default=0.9
        Momentum of ``"sgd"``.
    nesterovs_momentum : bool, default=True
        Whether the momentum of ``"sgd"`` is Nesterov's.
    beta_1, beta_2 : float in [0, 1), default=0.9 and 0.999
        Decay rates of the two moments of ``"adam"``.
    epsilon : float, default=1e-8
        Added to the divisor of ``"adam"``.
    batch_size : int or "auto", default="auto"
        Rows of a batch; "auto" is min(200, n_samples). Not used by ``"lbfgs"``.
    learning_rate_init : float, default=1e-3
        Step size of the optimizer.
    learning_rate : {"auto", "constant", "invscaling", "adaptive"}, default="auto"
        Schedule of the step size. With ``"auto"`` that of ``"adam"`` falls like a
        cosine from three times ``learning_rate_init`` to 0 over the ``max_iter`` epochs
        of fit, if these are at least 150, so that training settles. Where an epoch has
        more than 30 batches it does so in 30 / batches of them, at least a quarter, and
        fit ends there, unless ``n_iter_no_change`` is ``max_iter`` or more. It is
        constant where the end is not known (``partial_fit``, ``early_stopping``), for
        other solvers, with ``learning_rate_milestones`` and with an LRScheduler among
        the callbacks.
        ``"invscaling"`` and ``"adaptive"`` are for ``"sgd"`` and torch optimizers:
        ``"invscaling"`` divides ``learning_rate_init`` by ``(t + 1) ** power_t``, t the
        samples seen before an epoch; ``"adaptive"`` divides by 5 whenever training
        would stop for lack of progress, down to 1e-6.
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
    early_stopping : bool, default=False
        Hold ``validation_fraction`` of the samples out, stop when their score stalls
        and keep the best weights.
    validation_fraction : float in [0, 1), default=0.1
        Share held out by ``early_stopping``.
    n_iter_no_change : int or inf, default=10
        Epochs without improvement that are allowed.
    init_gain : float, default=1.0
        Gain of Glorot's normal initialisation.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where to train. Prediction and certificate are always float64 on the CPU.
    certificate_ : LipschitzCertificate or None
        Proof of ``lipschitz_bound_``.
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
    net_ : skorch.NeuralNet
        The trained net; dropped when pickled and rebuilt on demand.
    """
)

CLASSIFIER = entries(
    """
    loss : {"cross_entropy", "hinge"}, default="cross_entropy"
        ``"hinge"`` is max(0, 1 - margin), with the margin that certificates use.
    class_weight : dict, "balanced" or None, default=None
        Factors of the classes' sample weights.
    classes_ : ndarray of shape (n_classes,)
        Class labels, in the order of the logits.
    lipschitz_bound_ : float or None
        Proven upper bound of the l2 Lipschitz constant of all logits together.
        Of two classes ``decision_function`` is the difference of the two, up to sqrt(2)
        times as steep: ``lipschitz_bound(model)`` bounds that.
    """
)

REGRESSOR = entries(
    """
    loss : {"squared_error", "absolute_error", "huber", "poisson"}, \
            default="squared_error"
        Mean over samples and outputs; ``"squared_error"`` has the factor 1/2,
        ``"huber"`` the threshold 1.
        ``"poisson"`` is half the deviance of counts or rates >= 0; predictions are then
        the exponential of the network, whose bound speaks of their logarithm.
    lipschitz_bound_ : float or None
        Proven upper bound of the l2 Lipschitz constant of all outputs together.
    """
)

FIT = entries(
    """
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Training samples. float32 is trained in float32, all else in float64. Of a
        sparse matrix batches or blocks of rows are made dense, never all of it.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Class labels of any type, a matrix of 0 and 1 with a column for each label of
        a set, or regression targets.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights; only their ratios matter to the loss.
    self : object
        The fitted estimator.
    ValueError
        If an argument is not allowed, or X or y contain NaN or infinity.
    """
)

_SAMPLES = """\
X : {array-like, sparse matrix} of shape (n_samples, n_features)
    Samples."""
PREDICT = {"X": _SAMPLES} | answers(
    _SAMPLES,
    """
    logits : ndarray of shape (n_samples, n_classes) or (n_samples,)
        For two classes, the logit of ``classes_[1]`` minus that of ``classes_[0]``;
        of multilabel y the logit of each label.
    labels : ndarray of shape (n_samples,) or (n_samples, n_labels)
        Predicted labels; of multilabel y a matrix of 0 and 1.
    proba : ndarray of shape (n_samples, n_classes)
        Probabilities, in the order of ``classes_``.
    log_proba : ndarray of shape (n_samples, n_classes)
        Logarithms of the probabilities, finite where the probability underflows.
    y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Predictions, shaped like the y of fit.
    """,
)
