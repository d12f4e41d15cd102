# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Multilayer perceptron classifiers with a penalty on their Lipschitz constant."""

from sklip._compat import StrOptions
from sklip._documentation import documented
from sklip.estimators._mlp import BaseLipschitzMLP
from sklip.estimators._parameters import abstract
from sklip.estimators._regularized.docs import REGULARIZED, REGULARIZED_CLASSIFIER
from sklip.estimators._shared_docs import CLASSIFIER, SHARED
from sklip.estimators._targets import NetworkClassifierMixin
from sklip.estimators._weight import WEIGHT, LipschitzWeight
from sklip.training import PENALTIES

__all__ = ["LipschitzRegularizedMLP", "LipschitzRegularizedMLPClassifier"]


@abstract
class LipschitzRegularizedMLP(LipschitzWeight, BaseLipschitzMLP):
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
        "lipschitz_weight": WEIGHT,
    }

    def _make_penalty(self, module):
        if self.penalty == "none" or self.lipschitz_weight == 0:
            return None
        return PENALTIES[self.penalty](module, self._whole_weight)

    def _resolved_weight(self, data):
        return 0.0 if self.penalty == "none" else super()._resolved_weight(data)

    def _set_weight(self, weight):
        penalty = self.net_.penalty
        if penalty is not None:
            penalty.weight = weight


@documented(REGULARIZED_CLASSIFIER, REGULARIZED, CLASSIFIER, SHARED)
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
    {hidden_layer_sizes, activation, penalty, lipschitz_weight, solver, momentum,
    nesterovs_momentum, beta_1, epsilon, alpha, batch_size, learning_rate_init,
    learning_rate, power_t, max_iter, max_fun, shuffle, random_state, tol, verbose,
    warm_start, early_stopping, validation_fraction, n_iter_no_change, init_gain, loss,
    class_weight, certificate, device, callbacks}

    Attributes
    ----------
    {classes_, network_, certificate_, lipschitz_bound_, lipschitz_weight_, coefs_,
    intercepts_, n_features_in_, feature_names_in_, n_outputs_, n_layers_, n_iter_, t_,
    loss_, best_loss_, validation_scores_, best_validation_score_, out_activation_,
    history_, loss_curve_, net_}

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
    {scaled_iris}
    >>> from sklip import LipschitzRegularizedMLPClassifier, certified_radius
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

    _whole_weight = 0.03
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
        lipschitz_weight="auto",
        solver="adam",
        momentum=0.9,
        nesterovs_momentum=True,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        alpha=1e-4,
        batch_size="auto",
        learning_rate_init=1e-3,
        learning_rate="auto",
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
