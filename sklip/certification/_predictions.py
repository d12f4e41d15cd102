# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Labels that any classifier predicts: by its own predict, or by its outputs."""

from sklip._copies import own_copy
from sklip.bounds import is_bare, view_of
from sklip.exceptions import InvalidArgumentError

__all__ = ["predicted_labels"]


def predicted_labels(model, X):
    """What a model predicts for samples.

    Parameters
    ----------
    model : fitted classifier, FeedForward or torch module
        A network or module without ``predict`` decides by its largest output.
    X : array-like or DataFrame
        Samples, as the model takes them; the model gets a copy.

    Returns
    -------
    labels : ndarray of shape (n_samples,)
        Of a network or module 0, 1, ...
    """
    if not isinstance(model, type) and hasattr(model, "predict"):
        return model.predict(own_copy(X))
    if not is_bare(model):
        kind = model.__name__ if isinstance(model, type) else type(model).__name__
        raise InvalidArgumentError(
            f"model must have predict, and {kind} has none: give the fitted classifier."
        )
    view = view_of(model, X)
    if view.classes is None:
        raise ValueError(
            f"{type(model).__name__} has one output, and no rule that makes a class of "
            "it: give a network with one output for each class."
        )
    outputs = view.predicting().forward(view.encode(X))
    return view.classes[view.decided(outputs)]
