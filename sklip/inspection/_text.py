# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Text of a picture, made to fit: no label leaves the figure."""

import numpy as np

__all__ = ["add_legend", "legend_share", "set_row_names", "shortened"]

_POINTS = 72.0  # in an inch
# What stands beside the text of a legend, in font sizes: line, gaps, frame, margins.
_BESIDE = 5.2
# Lines of a legend and what its frame adds, in font sizes.
_LINE_HEIGHT, _FRAME = 1.7, 1.8
# Share of the figure's width that the names of rows may take.
_NAMES = 0.45
# In pixels small letters are wider than on paper, by up to this factor.
_PIXELS = 1.08


def shortened(text, width, size):
    """Text of at most a width, the middle of its lines left out.

    Parameters
    ----------
    text : str
        One line or several.
    width : float
        In points.
    size : float
        Of the font, in points.

    Returns
    -------
    text : str
        The same if it fits; beginning and end stay, as names often differ there.

    Examples
    --------
    >>> from sklip.inspection import shortened
    >>> shortened("age", 100.0, 10.0)
    'age'
    """
    return "\n".join(_shortened_line(line, width, size) for line in text.split("\n"))


def _shortened_line(line, width, size):
    if _width(line, size) <= width:
        return line
    fits, too_long = 0, len(line)
    while too_long - fits > 1:
        n = (fits + too_long) // 2
        if _width(_without_middle(line, n), size) <= width:
            fits = n
        else:
            too_long = n
    return _without_middle(line, fits)


def _without_middle(line, n_kept):
    head = (n_kept + 1) // 2
    return f"{line[:head]}…{line[len(line) - (n_kept - head) :]}"


def _width(line, size):
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextToPath

    font = FontProperties(size=size)
    width, _, _ = TextToPath().get_text_width_height_descent(line, font, ismath=False)
    return _PIXELS * width


def add_legend(ax, *, handles=None, font="medium", **kwargs):
    """Legend inside the axes, its labels as long and as large as there is room.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    handles : list of matplotlib Artist, default=None
        What is named; None takes everything with a label.
    font : str, default="medium"
        Size of the font where there is room for it.
    **kwargs : dict
        Passed to ``Axes.legend``.

    Returns
    -------
    legend : matplotlib Legend
        What was drawn.
    """
    from matplotlib.font_manager import FontProperties

    labels = None
    if handles is None:
        handles, labels = ax.get_legend_handles_labels()
    labels = labels or [handle.get_label() for handle in handles]
    width, height = _room(ax)
    n_lines = sum(label.count("\n") + 1 for label in labels)
    size = FontProperties(size=font).get_size_in_points()
    size = min(size, height / (_LINE_HEIGHT * n_lines + _FRAME))
    room = width - _BESIDE * size
    labels = [shortened(label, room, size) for label in labels]
    legend = ax.legend(handles, labels, fontsize=size, **kwargs)
    for text in legend.get_texts():
        text.set_parse_math(False)  # a name may hold dollar signs
    return legend


def legend_share(ax, n_entries):
    """Share of the height of the axes that a legend of so many lines takes."""
    from matplotlib.font_manager import FontProperties

    size = FontProperties(size="medium").get_size_in_points()
    return min(0.6, (_LINE_HEIGHT * n_entries + _FRAME) * size / _room(ax)[1])


def _room(ax):
    """Width and height of the axes in points, once they have their place."""
    ax.figure.draw_without_rendering()
    box = ax.get_window_extent()
    points = _POINTS / ax.figure.dpi
    return box.width * points, box.height * points


def set_row_names(ax, rungs, names):
    """Names of rows beside the vertical axis, as long as the figure has room for."""
    size = ax.yaxis.get_ticklabels()[0].get_fontsize() if len(rungs) else 10.0
    width = _NAMES * ax.figure.get_figwidth() * _POINTS
    names = [shortened(" ".join(str(name).split()), width, size) for name in names]
    ax.set_yticks(np.asarray(rungs), names, parse_math=False)
