# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""``python -m sklip certify``: a saved model for new rows."""

from sklip._cli._check import add_model_options
from sklip._cli._errors import JobError, counted, one_sentence
from sklip._cli._options import add_layout_options, add_threat_options, whole

__all__ = ["add_options", "run"]

DESCRIPTION = """\
Predict the rows of a table by a model that --save wrote, and prove for each how far it
may move before the prediction changes (regression: in which interval the prediction
stays). Radii are in the units of the training's report, or in those of --tolerance.

Columns are taken by name. Those that are missing are imputed, those that the model does
not know ignored, values that no training row had counted as rare; each is said. Where
the table has the target as well, the score is printed."""

_MOST_LINES = 20


def add_options(parser):
    """Options of the command."""
    add_model_options(parser)
    parser.add_argument("csv", metavar="new.csv", help="table of new rows")
    add_threat_options(parser.add_argument)
    parser.add_argument(
        "--report",
        metavar="FILE",
        help="write all rows to a .csv or .html file; some are printed anyway",
    )
    parser.add_argument(
        "--explain",
        type=whole(1),
        metavar="K",
        help="say what would flip the K rows that are nearest to flipping",
    )
    add_layout_options(parser.add_argument_group("the file").add_argument)


def run(options):
    """Print the rows; the exit code."""
    # Imported here: --help answers without numpy.
    from sklip._cli._alignment import align
    from sklip._cli._bundle import read_bundle
    from sklip._cli._output import check_report, write_report
    from sklip._cli._read import Layout, read_table
    from sklip._cli._rows import describe_rows

    check_report(options.report)
    bundle = read_bundle(options.model)
    about = bundle.about
    layout = Layout(
        options.sep, options.decimal, options.encoding, not options.no_header
    )
    if options.explain and about["task"] == "regression":
        raise JobError("--explain is for classification: a regression has no flip.")
    frame, _, notes = read_table(options.csv, layout)
    # What is a category was settled when the model was trained.
    notes = [note for note in notes if "--categorical" not in note]
    frame.index = range(1, len(frame) + 1)
    y = _truth(frame, about)
    X, said = align(frame, about)
    threat, radii = _threat(options, about)
    model = bundle.load(options.trust)
    try:
        rows = describe_rows(model, X, y, threat, radii, about["task"])
    except (TypeError, ValueError) as error:
        raise JobError(
            f"The rows cannot be certified: {one_sentence(error)}."
        ) from error
    _print(rows, notes + said, threat, radii, about)
    if options.explain:
        _print_flips(model, X, y, threat, rows, options.explain)
    if options.report is not None:
        write_report(options.report, rows)
        print(f"\nAll {len(rows)} rows are in {options.report}.")
    return 0


def _print_flips(model, X, y, threat, rows, n):
    from sklip._cli._explain import explain
    from sklip._cli._report import wrapped

    y = rows["prediction"].to_numpy() if y is None else y
    radii = rows["certified_radius"].to_numpy()
    print()
    for text in explain(model, X, y, threat, radii, n):
        print("\n".join(wrapped(text)))


def _threat(options, about):
    from sklip._cli._threat import Threat, threat_of

    saved, radii = Threat.from_json(about["threat"]), about["radii"]
    if options.tolerance:
        numeric = [c["name"] for c in about["columns"] if c["kind"] == "number"]
        saved = threat_of(options.tolerance, options.norm, numeric, saved.eps)
        radii = [1.0]
    elif options.norm is not None:
        saved = Threat(saved.eps, options.norm, saved.stated)
    return saved, sorted(set(options.radii or radii))


def _truth(frame, about):
    """The target where every row has it, as the model names it."""
    name = about["target"]
    if name not in frame.columns or frame[name].isna().any():
        return None
    if about["task"] == "regression":
        numeric = frame[name].dtype.kind in "iuf"
        return frame[name].to_numpy(dtype="float64") if numeric else None
    if about["labels"] == "whole numbers":
        whole = frame[name].dtype.kind in "iuf" and (frame[name] % 1 == 0).all()
        return frame[name].to_numpy(dtype="int64") if whole else None
    return frame[name].astype(str).to_numpy(dtype=str)


def _print(rows, notes, threat, radii, about):
    from sklip._cli._report import wrapped

    head = f"{about['task'].capitalize()} of {about['target']!r}"
    for sentence in (f"{head}: {counted(len(rows), 'row')}.", *notes):
        print("\n".join(wrapped(sentence)))
    print(f"\n{_rounded(rows.head(_MOST_LINES), radii).to_string()}")
    if len(rows) > _MOST_LINES:
        print(f"... and {len(rows) - _MOST_LINES} more (--report FILE writes all).")
    print()
    for sentence in _summary(rows, radii):
        print("\n".join(wrapped(sentence)))
    print("\n".join(wrapped(threat.describe())))


def _rounded(rows, radii):
    """Numbers as text, what is proven rounded to the safe side."""
    from sklip._cli._report import round_down

    shown = rows.copy()
    for name in shown.columns[shown.dtypes == "float64"]:
        show = round_down if name == "certified_radius" else "{:.6g}".format
        if name.startswith("lower at"):
            show = _below
        elif name.startswith("upper at"):
            show = _above
        shown[name] = shown[name].map(show)
    return shown


def _below(value):
    """Six digits, never above the value."""
    text = f"{value:.6g}"
    return text if float(text) <= value else f"{value - abs(value) * 1e-5:.6g}"


def _above(value):
    text = f"{value:.6g}"
    return text if float(text) >= value else f"{value + abs(value) * 1e-5:.6g}"


def _summary(rows, radii):
    if "certified_radius" not in rows:
        if "target" in rows:
            lower, upper = (
                rows[f"lower at {radii[-1]:g}"],
                rows[f"upper at {radii[-1]:g}"],
            )
            inside = ((lower <= rows["target"]) & (rows["target"] <= upper)).mean()
            error = (rows["prediction"] - rows["target"]).abs().mean()
            yield (
                f"Mean absolute error {error:.4g}; the interval at radius "
                f"{radii[-1]:g} holds the target in {inside:.3f} of the rows."
            )
        return
    radius = rows["certified_radius"]
    shares = ", ".join(f"{(radius >= r).mean():.3f} at {r:g}" for r in radii)
    yield f"Share of predictions proven not to change: {shares}."
    if "correct" in rows:
        right = rows["correct"]
        shares = ", ".join(
            f"{(right & (radius >= r)).mean():.3f} at {r:g}" for r in radii
        )
        yield f"Accuracy {right.mean():.3f}; certified accuracy {shares}."
