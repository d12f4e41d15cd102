# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Files that the job writes: a picture and the fitted model."""

import importlib
from pathlib import Path

import numpy as np

from sklip._cli._bundle import write_bundle
from sklip._cli._card import model_card
from sklip._cli._errors import JobError
from sklip._cli._measure import measure_curve
from sklip._cli._read import MISSING_MARK
from sklip._files import replacing
from sklip.bounds import LipschitzCertificate
from sklip.inspection import shortened

__all__ = ["check_outputs", "check_report", "draw", "save", "write_report"]

_POINTS = 72.0  # in an inch


def check_outputs(plot, save_to):
    """Refuse before the training what could not be written after it."""
    for option, path, package in (
        ("plot", plot, "matplotlib"),
        ("save", save_to, "skops"),
    ):
        if path is None:
            continue
        _check_path(option, Path(path))
        try:
            importlib.import_module(package)
        except ImportError:
            raise JobError(
                f"--{option} needs {package}, which is not installed: pip install "
                f"{package}."
            ) from None
    if plot is not None:
        _check_picture_type(Path(plot))


def check_report(path):
    """Refuse a report that could not be written."""
    if path is None:
        return
    _check_path("report", Path(path))
    if Path(path).suffix.lower() not in (".csv", ".html"):
        raise JobError(f"--report {str(path)!r} must end in .csv or .html.")


def write_report(path, rows):
    """One line for each row of a table."""
    write = rows.to_html if Path(path).suffix.lower() == ".html" else rows.to_csv
    _write("report", path, write)


def _check_path(option, path):
    if path.is_dir():
        raise JobError(f"--{option} {str(path)!r} is a directory, not a file.")
    if not path.parent.is_dir():
        raise JobError(
            f"--{option} {str(path)!r}: there is no directory {str(path.parent)!r}."
        )


def _check_picture_type(path):
    from matplotlib.figure import Figure

    if path.suffix[1:].lower() not in Figure().canvas.get_supported_filetypes():
        raise JobError(
            f"--plot {str(path)!r} must end in .png, .pdf, .svg or another type of "
            "picture that matplotlib writes."
        )


def _write(option, path, write):
    """Write a file whole or leave what was there; JobError if it cannot be done."""
    try:
        with replacing(path) as beside:
            write(beside)
    except OSError as error:
        raise JobError(
            f"--{option} could not write {str(path)!r}: {error.strerror or error}."
        ) from error


def draw(path, table, threat, models, results, rows, radii):
    """Certified accuracy over the radius (regression: interval width)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.8), layout="constrained")
    axes = figure.subplots()
    # Shares have a step at each row's radius, found at once; widths bend slowly, and
    # each radius is a call.
    n_points = 201 if table.task == "classification" else 41
    grid = np.linspace(0.0, 2.0 * max(radii), n_points)
    for model, result, style in zip(models, results, ("-", "--"), strict=False):
        certified, widths = measure_curve(model, table, threat, rows, grid)
        name = result.name
        label = f"{name}: certified" if certified else name
        (line,) = axes.plot(grid, certified or widths, style, label=label)
        if certified:
            look = {"marker": "o", "linestyle": "none", "color": line.get_color()}
            label = f"{name}: adversarial (attacked)"
            axes.plot(radii, result.adversarial, label=label, **look)
    _label(axes, table, threat)
    figure.legend(loc="outside lower center", ncols=2)
    _write("plot", path, lambda beside: figure.savefig(beside, dpi=150))


def _label(axes, table, threat):
    axes.set_xlabel(f"radius, in {threat.unit}")
    axes.margins(x=0.0)
    if table.task == "classification":
        axes.set_ylabel("accuracy on the test rows")
        axes.set_ylim(0.0, 1.02)
    else:
        quantity = f"mean width of the certified interval of {table.target}"
        height = 0.7 * _POINTS * axes.figure.get_figheight()
        quantity = shortened(quantity, height, axes.yaxis.label.get_fontsize())
        axes.set_ylabel(quantity, parse_math=False)  # a name may hold dollar signs
        axes.set_ylim(bottom=0.0)
    title = table.name if table.is_bundled else _file_name(table)
    width = 0.8 * _POINTS * axes.figure.get_figwidth()
    title = shortened(title, width, axes.title.get_fontsize())
    axes.set_title(title, parse_math=False)
    axes.grid(alpha=0.3)


def _file_name(table):
    return f"{Path(table.name).name}: {table.target}"


def save(path, model, table, about, threat):
    """Write the fitted model with what is known about it; how to go on, as text."""
    from skops import io

    certificate = LipschitzCertificate.from_json(about["certificate"])
    card = model_card(about, threat, certificate)
    _write("save", path, lambda beside: write_bundle(beside, model, about, card))
    trusted = io.get_untrusted_types(file=path)
    names = "".join(f"\n        {name!r}," for name in trusted)
    lines = [
        f"The fitted model is in {path}, with its units, columns, figures, certificate",
        "and a model card. For new rows, and to verify it:",
        f"    python -m sklip certify {path} new.csv",
        f"    python -m sklip check {path}",
        "In Python, read the names below, then load it with",
        "    import skops.io",
        f"    model = skops.io.load({str(path)!r}, trusted=[{names}",
        "    ])",
    ]
    if table.separator is not None:
        separator = "" if table.separator == "," else f", sep={table.separator!r}"
        lines.append(
            f"It takes a table like pandas.read_csv({table.name!r}, "
            f"na_values={MISSING_MARK!r}{separator})."
        )
    return "\n".join(lines)
