# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The steps of a Pipeline that act when it predicts or transforms.

The Pipeline of imbalanced-learn leaves out its samplers there. It is known by its exact
class, which is there only if the user has imported it.
"""

import sys

from sklearn.pipeline import Pipeline

__all__ = ["need_columns", "pipeline_steps"]


def pipeline_steps(model):
    """Names and steps that act on new data, or None for what is no Pipeline.

    Parameters
    ----------
    model : object
        Any object. A subclass of a Pipeline is none: it may do something else.

    Returns
    -------
    steps : list of (str, object) or None
        All steps; of an imbalanced-learn Pipeline those that do not resample.
    """
    if type(model) is Pipeline:
        return list(model.steps)
    if type(model) is _imbalanced_pipeline():
        return [pair for pair in model.steps if not hasattr(pair[1], "fit_resample")]
    return None


def _imbalanced_pipeline():
    """The class of imbalanced-learn; of nothing else if that is not imported."""
    return getattr(sys.modules.get("imblearn.pipeline"), "Pipeline", object)


def need_columns(transformer, n_given):
    """ValueError unless a step was fitted on as many columns as it is given."""
    expected = getattr(transformer, "n_features_in_", n_given)
    if expected != n_given:
        raise ValueError(
            f"{type(transformer).__name__} was fitted on {expected} columns, but the "
            f"step before it gives {n_given}."
        )
