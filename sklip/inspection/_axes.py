# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Where a Display draws, in which colours and marks, and what its axis is called."""

import numpy as np

__all__ = [
    "model_style",
    "new_axes",
    "new_panels",
    "plain_numbers",
    "radius_label",
]

# Okabe and Ito's colours, which colour blind people and grey printers tell apart, from
# dark to light; the yellow is too light for lines.
_COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
_MARKERS = "os^DvPX<>"
_NORMS = {1: "ℓ1", 2: "ℓ2", np.inf: "ℓ∞"}


def model_style(k, several=True):
    """How the line of the k-th of several models is told apart without colours.

    Parameters
    ----------
    k : int
        Which model.
    several : bool, default=True
        Whether there are others: the line of a single one stays plain.

    Returns
    -------
    style : dict
        Keywords of ``Axes.plot``.
    """
    if not several:
        return {}
    mark = _MARKERS[k % len(_MARKERS)]
    return {"marker": mark, "markersize": 5, "markevery": (0.03 * (k % 4), 0.15)}


def radius_label(norm, in_tolerances):
    """What an axis of radii is called, with its unit.

    Parameters
    ----------
    norm : {1, 2, inf}
        Of the radii.
    in_tolerances : bool
        Whether ``feature_eps`` gave the columns their units.

    Returns
    -------
    label : str
        The name of the axis.
    """
    unit = "multiples of the tolerances, " if in_tolerances else ""
    return f"radius ({unit}{_NORMS[norm]})"


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
        ax.set_prop_cycle(color=_COLOURS)
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
        for panel in axes[0]:
            panel.set_prop_cycle(color=_COLOURS)
        return figure, axes[0]
    axes = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
    if len(axes) != n_panels:
        raise ValueError(
            f"{type(display).__name__}.plot draws {n_panels} panels, but ax holds "
            f"{len(axes)}: give one Axes for each panel, or None."
        )
    return axes[0].figure, axes


def plain_numbers(axis):
    """Write 20 and 60, not powers of ten, on a logarithmic axis of few decades.

    Parameters
    ----------
    axis : matplotlib Axis
        With a logarithmic scale.
    """
    from matplotlib.ticker import LogFormatter

    axis.set_major_formatter(LogFormatter())
    axis.set_minor_formatter(LogFormatter(minor_thresholds=(1.5, 0.5)))


def _pyplot(display):
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            f"{type(display).__name__}.plot needs matplotlib. Install it with "
            "`pip install matplotlib`, or sklip with its extra `plot`."
        ) from error
    return pyplot
