# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Regressors trained so that noise moves their predictions little."""

from sklip._compat import StrOptions
from sklip._documentation import documented
from sklip.estimators._noise.base import BaseNoiseLipschitz
from sklip.estimators._noise.docs import NOISE
from sklip.estimators._regression_targets import NetworkRegressorMixin
from sklip.estimators._shared_docs import REGRESSOR, SHARED

__all__ = ["NoiseLipschitzRegressor"]


@documented(NOISE, REGRESSOR, SHARED)
class NoiseLipschitzRegressor(NetworkRegressorMixin, BaseNoiseLipschitz):
    """Regressor trained so that noise in its input moves its predictions little.

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
    :class:`LipschitzRegularizedMLPRegressor`.

    Ctrl-C ends the training and keeps the epochs done, certified; a warning says so. A
    fit of a clone, as searches make them, keeps them too and passes the interrupt on,
    and so does any fit that meets a second Ctrl-C within a minute.

    Parameters
    ----------
    {hidden_layer_sizes, activation, noise_std}
    lipschitz_weight : float, default=0.03
        Weight of the hinge. 0 is the standard training, bit for bit. The default suits
        standardised columns and targets, whose squared errors are small where a fit is
        good; the paper's 10, with a target of 0.01, outweighs the loss on small tables,
        whose outputs then hardly move at all.
    {lipschitz_target}
    ratio_space : {"logits", "proba"}, default="logits"
        What k compares; regressors have no probabilities and refuse ``"proba"``.
    {probe, module, input_shape, solver, momentum, nesterovs_momentum, beta_1, epsilon,
    alpha, batch_size, learning_rate_init, learning_rate, power_t,
    learning_rate_milestones, max_iter, max_fun, shuffle, random_state, tol, verbose,
    warm_start, early_stopping, validation_fraction, n_iter_no_change, init_gain}
    loss : {"squared_error", "absolute_error", "huber", "poisson"}, \
            default="squared_error"
        Loss of the clean samples, mean over the outputs.
        ``"poisson"`` is half the deviance of counts or rates >= 0; predictions are then
        the exponential of the network, whose bound speaks of their logarithm.
    {certificate, device, amp, callbacks}

    Attributes
    ----------
    {network_, module_, certificate_, lipschitz_bound_, coefs_, intercepts_,
    n_features_in_, feature_names_in_, n_outputs_, n_layers_, n_iter_, t_, loss_,
    best_loss_, validation_scores_, best_validation_score_, out_activation_, history_,
    loss_curve_, net_}

    See Also
    --------
    sklip.bounds.lipschitz_bound : Certify any fitted network.
    sklip.certification.certified_interval : Interval that no small change leaves.

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
    {scaled_diabetes}
    >>> from sklearn.compose import TransformedTargetRegressor
    >>> from sklip import NoiseLipschitzRegressor
    >>> network = NoiseLipschitzRegressor(
    ...     (16,), lipschitz_weight=0.1, learning_rate_init=1e-2, tol=1e-3,
    ...     random_state=0,
    ... )
    >>> model = TransformedTargetRegressor(
    ...     make_pipeline(StandardScaler(), network), transformer=StandardScaler()
    ... ).fit(X, y)
    >>> bool(model.score(X, y) > 0.4)
    True
    """

    _parameter_constraints = {
        **BaseNoiseLipschitz._parameter_constraints,
        **NetworkRegressorMixin._target_constraints,
        "ratio_space": [StrOptions({"logits"})],
    }

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        noise_std=0.25,
        lipschitz_weight=0.03,
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
        learning_rate="auto",
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
        loss="squared_error",
        certificate="auto",
        device="cpu",
        amp=False,
        callbacks=None,
    ):
        self._store(locals())
