# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""One line about each row: what is predicted, and how far that is proven to hold."""

import numpy as np

from sklip._progress import Progress
from sklip.certification import certification_report, certified_interval

__all__ = ["describe_rows"]

_BLOCK_ROWS = 100


def describe_rows(model, X, y, threat, radii, task):
    """A DataFrame with the index of X.

    Classification: the :func:`certification_report` of the predictions. Regression: the
    ends of the interval at each radius. With y also what is true.
    """
    import pandas

    blocks, progress = [], Progress(len(X), "rows certified")
    one = _decided if task == "classification" else _intervals
    for start in range(0, len(X), _BLOCK_ROWS):
        block = X.iloc[start : start + _BLOCK_ROWS]
        blocks.append(one(model, block, threat, radii))
        progress.advance(len(block))
    frame = pandas.concat(blocks)
    if y is not None:
        frame.insert(0, "target", y)
        if task == "classification":
            frame.insert(2, "correct", frame["prediction"].to_numpy() == y)
    return frame.rename_axis("row")


def _decided(model, X, threat, radii):
    """Of the predictions, right or wrong."""
    return certification_report(model, X, norm=threat.norm, feature_eps=threat.eps)


def _intervals(model, X, threat, radii):
    import pandas

    columns = {"prediction": np.asarray(model.predict(X)).ravel()}
    for radius in radii:
        lower, upper = certified_interval(
            model, X, radius=radius, norm=threat.norm, feature_eps=threat.eps
        )
        columns |= {f"lower at {radius:g}": lower, f"upper at {radius:g}": upper}
    return pandas.DataFrame(columns, index=X.index)
