# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Parameters that functions about robustness share, from scores to pictures."""

import inspect

from sklip._documentation import entries

__all__ = ["DISPLAY", "EXAMPLES", "META", "SHARED"]

# What examples begin with.
EXAMPLES = {
    "iris_model": inspect.cleandoc(
        """
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.linear_model import LogisticRegression
        >>> X, y = load_iris(return_X_y=True)
        >>> model = LogisticRegression(max_iter=500).fit(X, y)
        """
    ),
    "scaled_iris": inspect.cleandoc(
        """
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.pipeline import make_pipeline
        >>> from sklearn.preprocessing import StandardScaler
        >>> X, y = load_iris(return_X_y=True)
        """
    ),
    "scaled_diabetes": inspect.cleandoc(
        """
        >>> from sklearn.datasets import load_diabetes
        >>> from sklearn.pipeline import make_pipeline
        >>> from sklearn.preprocessing import StandardScaler
        >>> X, y = load_diabetes(return_X_y=True)
        """
    ),
}

SHARED = EXAMPLES | entries(
    """
    model : FeedForward, fitted classifier or Pipeline
        As for :func:`sklip.certified_radius`.
    X : array-like or DataFrame of shape (n_samples, n_features)
        Samples, as the model takes them.
    y : array-like of shape (n_samples,)
        True labels; one that the model does not know counts as a wrong prediction.
    radius : float
        Size of the perturbations, in the units of X (or of feature_eps).
    norm : {1, 2, numpy.inf}, default=2
        Norm of the perturbation.
    method : str, default="best"
        As for :func:`sklip.certified_radius`, where all are described.
    feature_eps : dict or Series, default=None
        Feature name or index to its tolerance, or to a pair (down, up); other
        features do not move, and radii count tolerances.
    categorical : {"immutable", "flip"}, default="immutable"
        As for :func:`sklip.certified_radius`.
    effort : {"low", "normal", "high"} or int, default="normal"
        Limit of the work of branch and bound, as for :func:`sklip.certified_radius`.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where bounds inside balls are computed, in float64.
    time_limit : float, default=None
        Seconds for the whole table. What is not reached by then keeps what is proven
        so far, by the product of norms ("pairwise") at least.
    n_jobs : int, default=None
        Processes that blocks of rows are spread over, by joblib: None is one, or what
        ``joblib.parallel_config`` says, -1 one for each core. The result is the same.
    verbose : int, default=0
        Above 0 lines on stderr tell how many rows are done, and the time left.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the samples.
    groups : "class" or array-like of shape (n_samples,), default=None
        Average over each true class, or over the samples of each label.
    random_state : int, RandomState or Generator, default=None
        Of the random starts. Global generators are not touched.
    y_true : array-like of shape (n_samples,)
        True labels.
    y_pred : array-like of shape (n_samples,)
        Predicted labels.
    """
)

DISPLAY = entries(
    """
    estimator : fitted classifier, list or dict of str to fitted classifier
        What is compared; the keys of a dict are the labels.
    estimator_names : list of str
        Labels, one for each estimator.
    name : str or list of str, default=None
        Labels; None takes the keys or the names of the classes.
    ax : matplotlib Axes, default=None
        Where to draw; None makes a figure.
    **line_kwargs : dict
        Passed to ``Axes.plot``.
    figure_ : matplotlib Figure
        The figure.
    ax_ : matplotlib Axes
        The axes.
    """
)

META = entries(
    """
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if X had names.
    **fit_params : dict
        Passed on to the estimator's fit, ``sample_weight`` for instance; through
        scikit-learn's metadata routing where that is enabled.
    UnsupportedModelError
        If no bound is known for the fitted estimator.
    """
)
