# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Parameters and attributes of the networks trained with the noise loss."""

from sklip._documentation import entries

__all__ = ["NOISE"]

NOISE = entries(
    """
    hidden_layer_sizes : array-like of int, default=(100,)
        Number of units of each hidden layer; also those of ``module="cnn"`` between
        convolution and output, and whatever a module class with such an argument does
        with it; refused with other modules.
    solver : {"adam", "sgd", "lbfgs"} or torch optimizer class, default="adam"
        ``"lbfgs"`` uses all samples in each step and the same noise in each.
    alpha : float, default=1e-4
        Weight of the L2 term of the weights; biases and the parameters of
        normalisation layers are free.
    random_state : int, RandomState instance or None, default=None
        Seeds initial weights, batches, noise and the validation split. torch's and
        numpy's global generators are left as they were.
    warm_start : bool, default=False
        Start the next fit from the present weights; the network must be the same.
    init_gain : float, default=1.0
        Gain of Glorot's normal initialisation; refused with modules, which initialise
        themselves.
    certificate : str or None, default="auto"
        Method of :func:`sklip.bounds.lipschitz_bound` that certifies the network at
        the end of fit. "auto" is ``"lipsdp"`` up to 128 hidden neurons and
        ``"sequential"`` above; for a module the product of the layers' norms, or a
        warning and None where a layer has no proven bound. None computes no
        certificate.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where to train, and where a module predicts.
    callbacks : list of skorch callbacks, default=None
        E.g. ``EarlyStopping(monitor="train_loss")``. The objects given run themselves,
        as in skorch; only classes are instantiated, and ``clone`` (so every search)
        copies them by their parameters. ``set_params(callbacks__name__parameter=...)``
        reaches them. Those that watch
        ``valid_loss`` need ``early_stopping=True``.
    network_ : FeedForward
        The fitted multilayer perceptron in float64; prediction and certificate use this
        object. Only for ``module=None``, as ``coefs_`` and ``intercepts_``.
    n_features_in_ : int
        Number of features seen in fit, entries of a sample for images.
    history_ : skorch.history.History
        One record for each epoch: ``train_loss``, ``dur`` (seconds), with early
        stopping also ``valid_loss`` (without noise) and ``valid_score``.
    loss_curve_ : list of float
        Training loss, the noise term included, of each epoch.
    noise_std : float, default=0.25
        Standard deviation of the noise in every entry of X, in the units of X.
    lipschitz_target : float, default=0.2
        Ratio k up to which nothing is penalised.
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
    learning_rate_milestones : sequence of int, default=None
        Epochs after which the step size is divided by 10; epochs of earlier fits count
        with ``warm_start`` and ``partial_fit``.
    amp : bool, "float16" or "bfloat16", default=False
        Compute passes of a module in this type on CUDA; True takes bfloat16 where the
        GPU has it. Without effect on the CPU; refused without a module.
    module_ : torch.nn.Module
        The fitted module in eval mode, for any other ``module``; kept as arrays, so
        that what was trained on a GPU loads without one.
    """
)
