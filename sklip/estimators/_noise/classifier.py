# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Classifiers trained so that noise moves their logits little."""

from sklip.estimators._noise.base import BaseNoiseLipschitz
from sklip.estimators._targets import NetworkClassifierMixin

__all__ = ["NoiseLipschitzClassifier"]


class NoiseLipschitzClassifier(NetworkClassifierMixin, BaseNoiseLipschitz):
    """Classifier trained so that noise in its input moves its logits little.

    The training minimises the weighted mean over the samples of the loss plus
    ``lipschitz_weight * max(0, k(x) - lipschitz_target)`` plus
    ``alpha / 2 * ||W||_F^2 / sum(sample_weight)``, where
    ``k(x) = ||f(x + d) - f(x)|| / ||d||`` and every entry of d is drawn anew in each
    batch from N(0, noise_std^2). Gradients flow through f(x + d) and f(x). The network
    is a multilayer perceptron or any torch module, such as a convolutional network on
    images.

    The term makes f smooth where the data are, along typical directions. It bounds
    nothing: k(x) is a small fraction of the local Lipschitz constant, and
    ``lipschitz_target`` is a threshold. The certificate that fit
    computes is valid but loose; where a proof is wanted, use
    :class:`LipschitzRegularizedMLPClassifier`.

    Ctrl-C ends the training and keeps the epochs done, certified; a warning says so. A
    fit of a clone, as searches make them, keeps them too and passes the interrupt on,
    and so does any fit that meets a second Ctrl-C within a minute.

    Parameters
    ----------
    hidden_layer_sizes : array-like of int, default=(100,)
        Number of units of each hidden layer; also those of ``module="cnn"`` between
        convolution and output. Other modules do not use it.
    activation : str or sequence of str, default="relu"
        Activation of the hidden layers: one of
        :func:`sklip.networks.list_activations`, or one for each layer.
    noise_std : float, default=0.25
        Standard deviation of the noise in every entry of X, in the units of X.
    lipschitz_weight : float, default=0.1
        Weight of the hinge. 0 is the standard training, bit for bit. The default suits
        standardised columns as well as pixels; the paper's 10, with a target of 0.01,
        outweighs the loss on small tables, whose logits then hardly move at all.
    lipschitz_target : float, default=0.2
        Ratio k up to which nothing is penalised.
    ratio_space : {"logits", "proba"}, default="logits"
        What k compares: logits, or their softmax.
    probe : {"gaussian", "power"}, default="gaussian"
        ``"power"`` turns each drawn d, at its length, towards the direction in which f
        changes most, by one power iteration: k(x) then comes near the local constant.
        An epoch takes half as long again.
    module : None, {"cnn", "resnet20", "preresnet20", "preresnet32"}, torch module \
            class or instance, default=None
        None is the multilayer perceptron. The named ones take images: ``"cnn"`` has one
        convolution, the others are the residual networks of 16-16-32-64 channels. A
        class is called with those of ``input_shape``, ``n_outputs``,
        ``hidden_layer_sizes`` and ``activation`` that its signature names; an instance
        is copied, and its weights are the start. Modules are trained in the type of
        their parameters, float32 unless they were made otherwise; those with a proven
        bound predict in float64.
    input_shape : tuple of int, default=None
        Shape of one sample for the module, images as (channels, height, width). None:
        that of X if X has more than two axes; for the named modules rows are square
        images of 1 or 3 channels, for others they stay rows. Refused without a module.
    solver : {"adam", "sgd", "lbfgs"} or torch optimizer class, default="adam"
        ``"lbfgs"`` uses all samples in each step and the same noise in each.
    momentum : float in [0, 1), default=0.9
        Momentum of ``"sgd"``.
    nesterovs_momentum : bool, default=True
        Whether the momentum of ``"sgd"`` is Nesterov's.
    beta_1, beta_2 : float in [0, 1), default=0.9 and 0.999
        Decay rates of the two moments of ``"adam"``.
    epsilon : float, default=1e-8
        Added to the divisor of ``"adam"``.
    alpha : float, default=1e-4
        Weight of the L2 term of the weights; biases and the parameters of
        normalisation layers are free.
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
    learning_rate_milestones : sequence of int, default=None
        Epochs after which the step size is divided by 10; epochs of earlier fits count
        with ``warm_start`` and ``partial_fit``.
    max_iter : int, default=200
        Largest number of epochs (iterations of ``"lbfgs"``).
    max_fun : int, default=15000
        Largest number of evaluations of the loss and gradient by ``"lbfgs"``.
    shuffle : bool, default=True
        Draw a new order of the samples in each epoch.
    random_state : int, RandomState instance or None, default=None
        Seeds initial weights, batches, noise and the validation split. torch's and
        numpy's global generators are left as they were.
    tol : float, default=1e-4
        Smallest improvement of the training loss (or validation score) that counts.
    verbose : bool or int, default=False
        Print a line for each epoch.
    warm_start : bool, default=False
        Start the next fit from the present weights; the network must be the same.
    early_stopping : bool, default=False
        Hold ``validation_fraction`` of the samples out, stop when their score stalls
        and keep the best weights.
    validation_fraction : float in (0, 1), default=0.1
        Share held out by ``early_stopping``.
    n_iter_no_change : int or inf, default=10
        Epochs without improvement that are allowed.
    init_gain : float, default=1.0
        Gain of Glorot's normal initialisation; modules initialise themselves.
    loss : {"cross_entropy", "hinge"}, default="cross_entropy"
        Loss of the clean samples; ``"hinge"`` is max(0, 1 - margin).
    class_weight : dict, "balanced" or None, default=None
        Factors of the classes' sample weights.
    certificate : str or None, default="auto"
        Method of :func:`sklip.bounds.lipschitz_bound` that certifies the network at
        the end of fit. "auto" is ``"lipsdp"`` up to 128 hidden neurons and
        ``"sequential"`` above; for a module the product of the layers' norms, or a
        warning and None where a layer has no proven bound. None computes no
        certificate.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where to train, and where a module predicts.
    amp : bool, "float16" or "bfloat16", default=False
        Compute passes of a module in this type on CUDA; True takes bfloat16 where the
        GPU has it. Without effect on the CPU and for ``module=None``.
    callbacks : list of skorch callbacks, default=None
        E.g. ``EarlyStopping(monitor="train_loss")``. The objects given run themselves,
        as in skorch; only classes are instantiated, and ``clone`` (so every search)
        copies them by their parameters. ``set_params(callbacks__name__parameter=...)``
        reaches them. Those that watch
        ``valid_loss`` need ``early_stopping=True``.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels, in the order of the logits.
    network_ : FeedForward
        The fitted multilayer perceptron in float64; prediction and certificate use this
        object. Only for ``module=None``, as ``coefs_`` and ``intercepts_``.
    module_ : torch.nn.Module
        The fitted module in eval mode, for any other ``module``; kept as arrays, so
        that what was trained on a GPU loads without one.
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
        Number of features seen in fit, entries of a sample for images.
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
        stopping also ``valid_loss`` (without noise) and ``valid_score``.
    loss_curve_ : list of float
        Training loss, the noise term included, of each epoch.
    net_ : skorch.NeuralNet
        The trained net; dropped when pickled and rebuilt on demand.

    See Also
    --------
    sklip.metrics.noise_accuracy_curve : Accuracy under noise of growing size.
    sklip.bounds.lipschitz_bound : Certify any fitted network.

    Notes
    -----
    The loss is (3)-(5) of paper 002 (U3-U6). Where the paper leaves a choice: k
    compares logits (of probabilities, k could not exceed sqrt(2) / ||d||, which is
    below most of its thresholds), the hinge is taken for each sample and then averaged,
    and the noise is neither clipped nor scaled. Clean and noisy samples pass a module
    in one batch, so that batch normalisation treats both alike.

    References
    ----------
    .. [1] M. Usama, D. E. Chang, "Towards robust neural networks with Lipschitz
       continuity", 2018.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklip import NoiseLipschitzClassifier, noise_accuracy_curve
    >>> X, y = load_iris(return_X_y=True)
    >>> model = make_pipeline(
    ...     StandardScaler(),
    ...     NoiseLipschitzClassifier(
    ...         (32,), lipschitz_weight=0.1, learning_rate_init=1e-2, tol=1e-3,
    ...         random_state=0,
    ...     ),
    ... ).fit(X, y)
    >>> clean, noisy = noise_accuracy_curve(model, X, y, [0.0, 0.2])
    >>> bool(clean > 0.9)
    True
    """

    _parameter_constraints = {
        **BaseNoiseLipschitz._parameter_constraints,
        **NetworkClassifierMixin._target_constraints,
    }

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        noise_std=0.25,
        lipschitz_weight=0.1,
        lipschitz_target=0.2,
        ratio_space="logits",
        probe="gaussian",
        module=None,
        input_shape=None,
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
        learning_rate_milestones=None,
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
        amp=False,
        callbacks=None,
    ):
        self._store(locals())
