# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""How steep a model can be in each column of X."""

from dataclasses import replace

import numpy as np

from sklip._arguments import check_option
from sklip._documentation import documented
from sklip._floats import lengths
from sklip._threads import limit_threads
from sklip.bounds._chain import dense_work
from sklip.bounds._dispatch import auto_method, lipschitz_bound
from sklip.bounds._docs import BOUNDS
from sklip.bounds._methods import BOUND_METHODS
from sklip.bounds._module_slopes import column_slopes
from sklip.bounds._modules import ModuleView, view_of
from sklip.bounds._resolve import is_whole, restricted_network

__all__ = ["feature_slopes"]


@documented(BOUNDS)
def feature_slopes(model, *, output=None, method="auto"):
    """Bound the slope of a fitted model in each column of X, with a proof.

    A robust importance: a column with slope s cannot move the output by more than s
    times its own change, whatever the other columns are.

    Parameters
    ----------
    model : FeedForward or fitted model
        Anything that :func:`sklip.networks.network_view` takes, or a torch module
        (of convolutions, as an estimator holds it: the size of its input is known).
    output : int or "all", default=None
        Bound the slope of this logit or target alone. None takes all of them in the l2
        norm, and of two classes their one logit, as ``decision_function`` does;
        ``"all"`` takes both of these.
    method : str, default="auto"
        A method of :func:`lipschitz_bound`. ``"auto"`` takes the smallest of the
        cheap ones, and LipSDP as well up to 128 hidden neurons; ``"best"`` solves it
        up to 512.

    Returns
    -------
    slopes : ndarray of shape (n_features,)
        Bounds of ``|df / dx_j|`` everywhere, in units of the output per unit of the
        column; 0 for a column that the model does not use, NaN for one that an encoder
        of categories consumes: it has no slope.

    Raises
    ------
    {NotFittedError, UnsupportedModelError, ValueError}

    See Also
    --------
    FeatureSlopesDisplay : The picture.
    lipschitz_bound : The bound for all columns together.

    Notes
    -----
    Column j of the first matrix in front of the other layers is a network of one
    variable; its Lipschitz constant holds for any values of the other columns. With one
    hidden layer and one output the path norm is the largest slope that the activations'
    sectors allow. For a Pipeline the bound is proven for the network with the folded,
    rounded first matrix.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklip import feature_slopes
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> model = make_pipeline(StandardScaler(), Ridge()).fit(X, y)
    >>> slopes = feature_slopes(model)
    >>> exact = abs(model[-1].coef_) / model[0].scale_
    >>> bool(abs(slopes / exact - 1).max() < 1e-9)
    True
    """
    check_option(method, "method", ("auto", *BOUND_METHODS, "best"))
    view = view_of(model)
    if isinstance(view, ModuleView):
        return _of_module(view, output, method)
    if output is None and view.classes is not None and len(view.classes) == 2:
        view = _single_logit(view)
    slopes = np.zeros(view.n_features)
    for j in range(view.n_features):
        if j in view.encoder.immutable:
            slopes[j] = np.nan
        elif (view.mutable & (view.feature_index == j)).any():
            network = restricted_network(view, output=output, feature=j)
            slopes[j] = _slope(network, method)
    return slopes


def _of_module(view, output, method):
    """Slopes of a torch module, by the product of norms behind its first layer."""
    if not is_whole(output) or method not in ("auto", "best", "product"):
        raise ValueError(
            "A torch module with convolutions, pooling or residual blocks is bounded "
            "by the product of norms as a whole: leave output and method out."
        )
    found = column_slopes(view) * (2.0**0.5 if output is None and view.is_score else 1)
    slopes = np.zeros(view.n_features)
    for j in range(view.n_features):
        own = view.mutable & (view.feature_index == j)
        if j in view.encoder.immutable:
            slopes[j] = np.nan
        elif own.any():
            slopes[j] = lengths(found[own]) * (1.0 + 1e-12)
    return slopes


def _single_logit(view):
    """The view of the logit of ``classes[1]`` against ``classes[0]``."""
    view = view.as_score()
    if view.network.n_outputs == 1:
        return view
    # Two outputs of a bare network.
    return replace(view, network=view.network.with_output_map([[-1.0, 1.0]]))


def _slope(network, method):
    if method != "auto":
        return float(lipschitz_bound(network, method=method))
    methods = ["path"]
    # One input, one hidden layer, one output: nothing beats the path norm.
    if len(network.weights) > 2 or network.n_outputs > 1 or network.n_inputs > 1:
        methods.append("sequential")
        if auto_method(network, often=True) == "lipsdp":
            methods.append("lipsdp")
    with limit_threads(dense_work(network)):
        return min(float(lipschitz_bound(network, method=m)) for m in methods)
