# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Where a Display draws: the caller's axes, or new ones."""

import numpy as np

__all__ = ["new_axes", "new_panels"]


def new_axes(ax, display):
    """Figure and axes to draw on.

    Parameters
    ----------
    ax : matplotlib Axes or None
        Axes of the caller; None makes a figure with one.
    display : object
        The Display that asks; the error of a missing matplotlib names it.

    Returns
    -------
    figure : matplotlib Figure
        What the axes lie on.
    ax : matplotlib Axes
        Where to draw.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    pyplot = _pyplot(display)
    if ax is None:
        _, ax = pyplot.subplots(layout="constrained")
    return ax.figure, ax


def new_panels(ax, display, n_panels):
    """Figure and axes side by side.

    Parameters
    ----------
    ax : sequence of matplotlib Axes, Axes or None
        One for each panel; None makes a figure.
    display : object
        The Display that asks.
    n_panels : int
        Number of axes needed.

    Returns
    -------
    figure : matplotlib Figure
        What the axes lie on.
    axes : ndarray of shape (n_panels,)
        Where to draw.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If the number of axes given is another.
    """
    pyplot = _pyplot(display)
    if ax is None:
        figure, axes = pyplot.subplots(
            1,
            n_panels,
            figsize=(3.6 * n_panels, 3.2),
            layout="constrained",
            squeeze=False,
        )
        return figure, axes[0]
    axes = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
    if len(axes) != n_panels:
        raise ValueError(
            f"{type(display).__name__}.plot draws {n_panels} panels, but ax holds "
            f"{len(axes)}: give one Axes for each panel, or None."
        )
    return axes[0].figure, axes


def _pyplot(display):
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            f"{type(display).__name__}.plot needs matplotlib. Install it with "
            "`pip install matplotlib`, or sklip with its extra `plot`."
        ) from error
    return pyplot
