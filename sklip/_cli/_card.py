# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The model card: what a reader of the file sees without any program."""

__all__ = ["model_card"]

_CARD = """\
# {target}: a certified network

{task} of `{target}`, trained by sklip {sklip} ({model}) on {rows} rows of
{data}.

## Use

    python -m sklip certify MODEL new.csv
    python -m sklip check MODEL

The first predicts new rows and proves how far each may move, the second proves the
certificate again and compares the file with its hashes.

## Radii

{threat}

Lipschitz bound: {bound:.6g}, proven by {method}. No number here says anything about
rows that are drawn from elsewhere than the training rows.

## Measured on {test_rows} test rows

| model | {heads} |
| --- |{rule}
{metrics}

## Columns

| column | kind | values |
| --- | --- | --- |
{columns}
"""


def model_card(about, threat, certificate):
    """Markdown about a model.

    Parameters
    ----------
    about : dict
        What :func:`describe` says.
    threat : Threat
        What its radii are measured in.
    certificate : LipschitzCertificate
        Of the model.
    """
    heads = [key for key in about["metrics"][0] if key != "name"]
    return _CARD.format(
        target=about["target"],
        task=about["task"].capitalize(),
        sklip=about["versions"]["sklip"],
        model=about["model"],
        rows=about["data"]["training_rows"],
        test_rows=about["data"]["test_rows"],
        data=about["data"]["name"],
        threat=threat.describe(),
        bound=certificate.value,
        method=certificate.method,
        heads=" | ".join(heads),
        rule=" --- |" * len(heads),
        metrics="\n".join(_metrics(row, heads) for row in about["metrics"]),
        columns="\n".join(map(_column, about["columns"])),
    )


def _metrics(row, heads):
    cells = (row.get(key) for key in heads)
    numbers = ("" if cell is None else f"{cell:.4g}" for cell in cells)
    return f"| {row['name']} | {' | '.join(numbers)} |"


def _column(column):
    if column["kind"] == "number":
        values = f"{column['low']:g} to {column['high']:g}"
    elif column["values"] is None:
        values = "very many"
    else:
        values = ", ".join(column["values"][:8])
        values += ", ..." if len(column["values"]) > 8 else ""
    return f"| {_cell(column['name'])} | {column['kind']} | {_cell(values)} |"


def _cell(text):
    return text.replace("|", "\\|").replace("\n", " ")
