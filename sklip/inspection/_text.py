# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Text of a picture, made to fit: no label leaves the figure."""

import numpy as np

__all__ = ["add_legend", "legend_share", "set_row_names", "set_titles", "shortened"]

_POINTS = 72.0  # in an inch
# What stands beside the text of a legend, in font sizes: line, gaps, frame, margins.
_BESIDE = 5.2
# Lines of a legend and what its frame adds, in font sizes.
_LINE_HEIGHT, _FRAME = 1.7, 1.8
# A title of less than this share of its axes is inside, whatever the layout does.
_SURELY = 0.5
# Inches beside a title of an axis.
_MARGIN = 0.05
# Share of the height of the axes that is at most made free for a legend.
_BAND = 0.5
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


def add_legend(ax, *, handles=None, font="medium", share=1.0, **kwargs):
    """Legend inside the axes, its labels as long and as large as there is room.

    Where it would cover what is drawn, the vertical axis is made to reach above that,
    and the legend stands there.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    handles : list of matplotlib Artist, default=None
        What is named; None takes everything with a label.
    font : str, default="medium"
        Size of the font where there is room for it.
    share : float, default=1.0
        Of the height of the axes, what the legend may take.
    **kwargs : dict
        Passed to ``Axes.legend``.

    Returns
    -------
    legend : matplotlib Legend
        What was drawn.
    """
    labels = None
    if handles is None:
        handles, labels = ax.get_legend_handles_labels()
    labels = labels or [handle.get_label() for handle in handles]
    legend = _fitted_legend(ax, handles, labels, font, share, kwargs)
    if _covers(legend, ax):
        kwargs["loc"] = "upper right"
        legend = _fitted_legend(ax, handles, labels, font, _BAND, kwargs)
        _grow(ax, legend)  # wider numbers may leave less room beside them
        legend = _fitted_legend(ax, handles, labels, font, _BAND, kwargs)
    return legend


def _fitted_legend(ax, handles, labels, font, share, kwargs):
    """A legend of at most a share of the height of the axes, and their width."""
    from matplotlib.font_manager import FontProperties

    width, height = _room(ax)
    n_lines = sum(label.count("\n") + 1 for label in labels)
    size = FontProperties(size=font).get_size_in_points()
    size = min(size, share * height / (_LINE_HEIGHT * n_lines + _FRAME))
    room, points = width - _BESIDE * size, _POINTS / ax.figure.dpi
    for _ in range(3):  # small letters are not as wide as they are drawn on paper
        short = [shortened(label, room, size) for label in labels]
        legend = ax.legend(handles, short, fontsize=size, **kwargs)
        for text in legend.get_texts():
            text.set_parse_math(False)  # a name may hold dollar signs
        excess = points * legend.get_window_extent().width - width
        if excess <= 0.0:
            break
        room -= excess
    return legend


def _covers(legend, ax):
    """Whether a legend lies on a line, a point, a bar or a number beside them."""
    _lay_out(ax)
    box = legend.get_window_extent()
    lines = [line.get_transform().transform_path(line.get_path()) for line in ax.lines]
    if any(line.intersects_bbox(box, filled=False) for line in lines):
        return True
    points = [
        part.get_offset_transform().transform(part.get_offsets())
        for part in ax.collections
        if len(part.get_offsets())
    ]
    if any(box.contains(*point) for part in points for point in part):
        return True
    others = [*ax.patches, *(text for text in ax.texts if text.get_text())]
    return any(box.overlaps(other.get_window_extent()) for other in others)


def _grow(ax, legend):
    """Let the vertical axis end above what it shows, by the height of the legend."""
    _lay_out(ax)
    room = ax.get_window_extent()
    share = 1.0 - (room.y1 - legend.get_window_extent().y0) / room.height
    scale, linear = ax.yaxis.get_transform(), ax.get_yscale() == "linear"
    ticks, (low, high) = ax.get_yticks(), ax.get_ylim()
    start, end = scale.transform([low, high])
    for further in (0.0, 0.05, 0.1, 0.15):  # numbers above points do not shrink
        length = (end - start) / (share - further)
        ax.set_ylim(low, scale.inverted().transform(start + length))
        if not _covers(legend, ax):
            break
    if linear:  # nothing is to be read off beside the legend
        ax.set_yticks([tick for tick in ticks if low <= tick <= high])


def legend_share(ax, n_entries):
    """Share of the height of the axes that a legend of so many lines takes."""
    from matplotlib.font_manager import FontProperties

    size = FontProperties(size="medium").get_size_in_points()
    return min(0.6, (_LINE_HEIGHT * n_entries + _FRAME) * size / _room(ax)[1])


def _lay_out(ax):
    """Give the axes their place, as drawing does; of a part of a figure the whole."""
    figure = ax.figure.figure
    engine = figure.get_layout_engine()
    if engine is None:
        figure.draw_without_rendering()
    else:
        engine.execute(figure)


def _room(ax):
    """Width and height of the axes in points, once they have their place."""
    _lay_out(ax)
    box = ax.get_window_extent()
    points = _POINTS / ax.figure.dpi
    return box.width * points, box.height * points


def set_titles(ax, xlabel, ylabel=None):
    """Titles of both axes, in as many lines as they need to stay in the figure.

    Parameters
    ----------
    ax : matplotlib Axes
        What they belong to.
    xlabel, ylabel : str or None
        The titles, with their units; None leaves an axis without.
    """
    ax.set(xlabel=xlabel, ylabel=ylabel)
    long = [
        (label, k)
        for label, k in ((ax.xaxis.label, 0), (ax.yaxis.label, 1))
        if _width(label.get_text(), label.get_fontsize())
        > _SURELY * ax.get_window_extent().size[k] * _POINTS / ax.figure.dpi
    ]
    if not long:
        return
    _lay_out(ax)
    room, whole = ax.get_window_extent(), ax.figure.bbox
    for label, k in long:
        # The titles stand at the middle of the axes, not of the figure.
        middle = (room.min[k] + room.max[k]) / 2.0
        half = min(middle - whole.min[k], whole.max[k] - middle)
        width = 2.0 * half * _POINTS / ax.figure.dpi - _POINTS * _MARGIN
        label.set_text(_in_lines(label.get_text(), width, label.get_fontsize()))


def _in_lines(text, width, size):
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if _width(longer, size) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return "\n".join(lines)


def set_row_names(ax, rungs, names):
    """Names of rows beside the vertical axis, as long as the figure has room for."""
    size = ax.yaxis.get_ticklabels()[0].get_fontsize() if len(rungs) else 10.0
    width = _NAMES * ax.figure.bbox.width * _POINTS / ax.figure.dpi
    names = [shortened(" ".join(str(name).split()), width, size) for name in names]
    ax.set_yticks(np.asarray(rungs), names, parse_math=False)
