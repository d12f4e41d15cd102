# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Multilayer perceptron regressors that are trained by ADMM."""

from sklip._documentation import documented
from sklip.estimators._admm.base import ADMMLipschitzMLP
from sklip.estimators._admm.docs import ADMM
from sklip.estimators._regression_targets import NetworkRegressorMixin
from sklip.estimators._shared_docs import REGRESSOR, SHARED

__all__ = ["ADMMLipschitzMLPRegressor"]


@documented(ADMM, REGRESSOR, SHARED)
class ADMMLipschitzMLPRegressor(NetworkRegressorMixin, ADMMLipschitzMLP):
    """Multilayer perceptron regressor that keeps an enforced Lipschitz bound.

    Training alternates between loss steps and projections on the networks that a fixed
    matrix inequality certifies. The bound is either enforced (``lipschitz_bound``) or
    penalised (``lipschitz_weight``), and proven for the network that predicts.

    Ctrl-C ends the training and keeps the epochs done, certified; a warning says so. A
    fit of a clone, as searches make them, keeps them too and passes the interrupt on,
    and so does any fit that meets a second Ctrl-C within a minute.

    Parameters
    ----------
    {hidden_layer_sizes, activation, lipschitz_bound, lipschitz_weight, rho,
    max_admm_iter, epochs_per_iter, init_alpha, multipliers, refresh_multipliers,
    admm_tol, step_tol, sdp_solver, solver, momentum, nesterovs_momentum, beta_1,
    epsilon, alpha, batch_size, learning_rate_init, learning_rate, power_t, max_iter,
    max_fun, shuffle, random_state, tol, verbose, warm_start, early_stopping,
    validation_fraction, n_iter_no_change, init_gain, loss, certificate, device,
    callbacks}

    Attributes
    ----------
    {network_, certificate_}
    lipschitz_bound_ : float
        Proven upper bound of the l2 Lipschitz constant of all outputs together, with
        the best multipliers that were found.
    {lmi_bound_, lipschitz_weight_, multipliers_, primal_residuals_, dual_residuals_,
    coefs_, intercepts_, n_features_in_, feature_names_in_, n_outputs_, n_layers_,
    n_iter_, n_admm_iter_, t_, loss_, best_loss_, validation_scores_,
    best_validation_score_, out_activation_, history_, loss_curve_, net_}

    See Also
    --------
    LipschitzRegularizedMLPRegressor : A penalty instead of a constraint: faster,
        any activation, no bound that is known in advance.
    sklip.bounds.lipschitz_bound : Certify any fitted network.
    sklip.certification.certified_interval : Interval that no small change leaves.

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
    {reference}

    Examples
    --------
    {scaled_diabetes}
    >>> from sklearn.compose import TransformedTargetRegressor
    >>> from sklip import ADMMLipschitzMLPRegressor, certified_interval
    >>> model = TransformedTargetRegressor(
    ...     make_pipeline(
    ...         StandardScaler(),
    ...         ADMMLipschitzMLPRegressor(
    ...             (16,), lipschitz_bound=0.5, rho=1.0, solver="lbfgs", random_state=0
    ...         ),
    ...     ),
    ...     transformer=StandardScaler(),
    ... ).fit(X, y)
    >>> model.regressor_[-1].lipschitz_bound_ <= 0.5
    True
    >>> lower, upper = certified_interval(model, X, radius=0.01)
    >>> bool((lower < upper).all())
    True
    """

    _whole_weight = 1e-3
    _parameter_constraints = {
        **ADMMLipschitzMLP._parameter_constraints,
        **NetworkRegressorMixin._target_constraints,
    }

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        lipschitz_bound=None,
        lipschitz_weight="auto",
        rho="auto",
        max_admm_iter="auto",
        epochs_per_iter="auto",
        init_alpha=3e-3,
        multipliers="lipsdp",
        refresh_multipliers="auto",
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
        loss="squared_error",
        certificate="auto",
        device="cpu",
        callbacks=None,
    ):
        self._store(locals())
