# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Multilayer perceptron regressors of orthonormal layers."""

from numbers import Real

from sklip._compat import Interval
from sklip.estimators._bounded.base import BaseBoundedMLP
from sklip.estimators._targets import NetworkRegressorMixin

__all__ = ["LipschitzBoundedMLPRegressor"]


class LipschitzBoundedMLPRegressor(NetworkRegressorMixin, BaseBoundedMLP):
    """Regressor whose Lipschitz constant is at most the one that is given.

    Every hidden layer is orthonormal and followed by absolute values, so that it has
    the Lipschitz constant 1 by construction; the norm of the last weights is kept at
    most ``lipschitz_bound``. The training minimises the squared error under that bound,
    and the fitted network proves it: no prediction moves farther than
    ``lipschitz_bound`` times the change of the input.

    Ctrl-C ends the training and keeps the epochs done, certified; a warning says so. A
    fit of a clone, as searches make them, keeps them too and passes the interrupt on,
    and so does any fit that meets a second Ctrl-C within a minute.

    Parameters
    ----------
    hidden_layer_sizes : array-like of int, default=(64, 64)
        Number of units of each hidden layer.
    lipschitz_bound : float, default=1.0
        Largest l2 Lipschitz constant, in units of y per unit of X.
    input_noise : float, default=0.0
        Standard deviation of normal noise that is added to the inputs of every batch,
        in the units of X; about a tenth of the radius is worth half a point on images.
    learning_rate_init : float, default=0.03
        Largest step size: a cosine leads up to it over 30 % of the steps and down to
        0 over the rest. :meth:`partial_fit` takes it throughout.
    batch_size : int, default=128
        Samples of a batch; at most all of them.
    max_iter : int, default=80
        Epochs. All are run unless ``early_stopping`` or a callback ends them: the step
        size comes to rest by itself, so that more epochs mean a slower descent.
    averaging : float in [0, 1), default=0.99
        Decay of the average of the weights over the steps, which is what is validated
        and deployed; 0 takes the last weights.
    random_state : int, RandomState instance or None, default=None
        Determines initial weights, order of samples, noise and the held-out part.
    tol : float, default=1e-4
        With ``early_stopping``, improvement of the score that counts.
    verbose : bool, default=False
        Print the loss of each epoch.
    warm_start : bool, default=False
        Start from the weights of the last fit; the layers must be the same.
    early_stopping : bool, default=False
        Hold ``validation_fraction`` of the samples out, stop when their score stalls
        and keep the best weights.
    validation_fraction : float in (0, 1), default=0.1
        Share held out by ``early_stopping``.
    n_iter_no_change : int, default=10
        With ``early_stopping``, epochs without improvement that are allowed.
    certificate : str or None, default="auto"
        How the bound of the fitted network is proven: "auto" and "pairwise" by the
        product of the layers' norms, which are 1 but for the last; a method of
        :func:`sklip.bounds.lipschitz_bound` that costs more is taken where it proves
        less. None skips it.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where to train. Prediction and certificate are always float64 on the CPU.
    callbacks : list of skorch callbacks, default=None
        Between epochs they see the averaged network.

    Attributes
    ----------
    network_ : FeedForward
        The fitted network in float64 with "abs" activations; prediction and certificate
        use this object.
    certificate_ : LipschitzCertificate
        Proof of ``lipschitz_bound_``; None if ``certificate=None``.
    lipschitz_bound_ : float
        Proven upper bound of the l2 Lipschitz constant of all outputs together;
        never above ``lipschitz_bound``.
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
    history_ : skorch.history.History
        One record for each epoch: ``train_loss``, ``dur`` (seconds), with early
        stopping also ``valid_loss`` and ``valid_score``.
    loss_curve_ : list of float
        Training loss of each epoch:
        half the squared error, in units of the spread of y.
    net_ : skorch.NeuralNet
        The trained net; dropped when pickled and rebuilt on demand.

    See Also
    --------
    ADMMLipschitzMLPRegressor : A bound on networks of other activations.
    sklip.certification.certified_interval : Interval that no small change leaves.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.preprocessing import scale
    >>> from sklip import LipschitzBoundedMLPRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> X, y = scale(X), scale(y)
    >>> model = LipschitzBoundedMLPRegressor(
    ...     (32,), lipschitz_bound=0.5, max_iter=20, random_state=0
    ... ).fit(X, y)
    >>> model.lipschitz_bound_ <= 0.5
    True
    >>> bool(model.score(X, y) > 0.4)
    True
    """

    _parameter_constraints = {
        **BaseBoundedMLP._parameter_constraints,
        "lipschitz_bound": [Interval(Real, 0, None, closed="neither")],
    }
    loss = "squared_error"

    def __init__(
        self,
        hidden_layer_sizes=(64, 64),
        lipschitz_bound=1.0,
        *,
        input_noise=0.0,
        learning_rate_init=0.03,
        batch_size=128,
        max_iter=80,
        averaging=0.99,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        certificate="auto",
        device="cpu",
        callbacks=None,
    ):
        self._store(locals())

    def _module_options(self):
        return {"lipschitz_bound": float(self.lipschitz_bound)}

    def _net_options(self):
        return {"averaging": self.averaging, "backprop": self._backprop()}
