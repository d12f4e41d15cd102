# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Multilayer perceptron classifiers of orthonormal layers."""

from numbers import Real

import numpy as np

from sklip._compat import Interval, StrOptions
from sklip._documentation import documented
from sklip.estimators._bounded.base import BaseBoundedMLP
from sklip.estimators._bounded.docs import BOUNDED
from sklip.estimators._shared_docs import CLASSIFIER, SHARED
from sklip.estimators._targets import NetworkClassifierMixin

__all__ = ["LipschitzBoundedMLPClassifier"]

# Temperature of the loss, in units of 1 / radius.
_TEMPERATURE = 4.0


@documented(BOUNDED, CLASSIFIER, SHARED)
class LipschitzBoundedMLPClassifier(NetworkClassifierMixin, BaseBoundedMLP):
    """Classifier that is trained to keep its predictions within a given radius.

    Every hidden layer is orthonormal and followed by absolute values, so that it has
    the Lipschitz constant 1 by construction, and the loss is on the certified radius
    itself: a sample costs nothing once no change of the input shorter than ``radius``
    can flip it. There is no weight to tune against accuracy.

    Ctrl-C ends the training and keeps the epochs done, certified; a warning says so. A
    fit of a clone, as searches make them, keeps them too and passes the interrupt on,
    and so does any fit that meets a second Ctrl-C within a minute.

    Parameters
    ----------
    hidden_layer_sizes : array-like of int, default=(128, 128)
        Number of units of each hidden layer.
    radius : float, default=0.5
        The l2 distance, in the units of X, that predictions should withstand. A larger
        one gives up accuracy near by for certificates far out.
    temperature : float or "auto", default="auto"
        How sharply a radius below the one asked for is punished: the loss of a sample
        is ``log(1 + sum_j exp(temperature * (radius - r_j))) / temperature``, r_j its
        radius against class j. "auto" is ``4 / radius``.
    {input_noise, learning_rate_init, batch_size, max_iter, averaging, random_state,
    tol, verbose, warm_start, early_stopping, validation_fraction, n_iter_no_change}
    class_weight : dict, "balanced" or None, default=None
        Factors of the classes, multiplied with ``sample_weight``.
    certificate : str or None, default="auto"
        How the bound of the fitted network is proven: "auto" and "pairwise" by the
        product of the layers' norms, which are 1 but for the last, as
        pairwise radii are; a method of
        :func:`sklip.bounds.lipschitz_bound` that costs more is taken where it proves
        less. None skips it.
    {device, callbacks}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels; the logits are in this order.
    {network_, certificate_}
    lipschitz_bound_ : float
        Proven upper bound of the l2 Lipschitz constant of all logits together.
        Of two classes ``decision_function`` is the difference of the two, up to sqrt(2)
        times as steep: ``lipschitz_bound(model)`` bounds that.
    {coefs_, intercepts_, n_features_in_, feature_names_in_, n_outputs_, n_layers_,
    n_iter_, history_}
    loss_curve_ : list of float
        Training loss of each epoch, in units of ``radius``.
    {net_}

    See Also
    --------
    LipschitzBoundedMLPRegressor : The same with a bound that is given.
    LipschitzRegularizedMLPClassifier : Any activation and loss, with a penalty.
    sklip.certification.certified_radius : Radii; ``method="pairwise"`` costs nothing.

    Notes
    -----
    With h_j the rows of the last weights H and a the last hidden layer's values, a
    sample of class t keeps its class against j within
    ``r_j = (h_t @ a + c_t - h_j @ a - c_j) / ||h_t - h_j||``, since nothing in front of
    H stretches a distance. These are the radii of ``method="pairwise"``.

    The weights move along the manifold of semi-orthogonal matrices: the tangent part of
    the momentum is replaced by its polar factor, approximately (as in Muon), and the
    step brought back by one product. Biases and H follow Adam. The network that is
    deployed has the polar factors, in float64, of the average over the steps.

    X need not be scaled, but its columns share one radius: scale columns of different
    units first (:class:`~sklearn.preprocessing.StandardScaler` in a Pipeline, whose
    radii are then reported in the units of the raw columns, or
    :class:`~sklip.preprocessing.LipschitzScaler`).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklip import LipschitzBoundedMLPClassifier, certified_accuracy_score
    >>> X, y = load_digits(return_X_y=True)
    >>> model = LipschitzBoundedMLPClassifier(
    ...     (64,), radius=8.0, max_iter=10, random_state=0
    ... ).fit(X[:1000], y[:1000])  # pixels from 0 to 16
    >>> score = certified_accuracy_score(
    ...     model, X[1000:], y[1000:], radius=4.0, method="pairwise"
    ... )
    >>> bool(score > 0.75)
    True
    """

    _parameter_constraints = {
        **BaseBoundedMLP._parameter_constraints,
        "radius": [Interval(Real, 0, None, closed="neither")],
        "temperature": [
            Interval(Real, 0, None, closed="neither"),
            StrOptions({"auto"}),
        ],
        "class_weight": NetworkClassifierMixin._target_constraints["class_weight"],
    }
    loss = "cross_entropy"  # skorch's criterion; the pass has the loss on the radius

    def __init__(
        self,
        hidden_layer_sizes=(128, 128),
        radius=0.5,
        *,
        temperature="auto",
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
        class_weight=None,
        certificate="auto",
        device="cpu",
        callbacks=None,
    ):
        self._store(locals())

    def _check_parameters(self):
        super()._check_parameters()
        if not np.isfinite(self._temperature()) or self._temperature() == 0.0:
            raise ValueError(
                f"radius={self.radius!r} is beyond what floats can divide."
            )

    def _temperature(self):
        if self.temperature == "auto":
            return _TEMPERATURE / float(self.radius)
        return float(self.temperature)

    def _module_options(self):
        return {"temperature": self._temperature()}

    def _net_options(self):
        backprop = self._backprop(radius=float(self.radius))
        return {"averaging": self.averaging, "backprop": backprop}
