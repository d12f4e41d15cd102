# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""A file as a DataFrame, or one sentence about why not."""

import functools
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path

from sklip._cli._blocks import PACKED, read_cells, read_in_blocks
from sklip._cli._cells import Cells
from sklip._cli._errors import JobError, counted, one_sentence, shown
from sklip._cli._numbers import may_be_numbers, read_numbers

__all__ = ["MISSING_MARK", "Layout", "label_of", "read_table"]

# What pandas does not take for a missing value by itself, but many files use.
MISSING_MARK = "?"
# Tried where a file is not UTF-8: what spreadsheets on Windows write.
_FALLBACK = "cp1252"
# First bytes of the "Unicode text" of spreadsheets.
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
# What is looked at for zeros of both kinds: in the text, and before numbers.
_FIRST_BYTES, _FEW_ROWS = 4096, 100
_READERS = {".parquet": "read_parquet", ".xlsx": "read_excel", ".xls": "read_excel"}
_KINDS = dict.fromkeys([".xlsx", ".xls"], "an Excel file") | {
    ".parquet": "a Parquet file"
}


@dataclass(frozen=True)
class Layout:
    """What is known of a file beforehand; None stands for finding out."""

    # Between fields; the decimal mark, "." or ","; of the text.
    separator: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    has_header: bool = True  # whether the first line names the columns


def read_table(path, layout):
    """Rows of a file, separator (None if there is none) and sentences about it."""
    path = Path(path)
    if not path.exists():
        raise JobError(f"There is no file {str(path)!r}.")
    if not path.is_file():
        raise JobError(f"{str(path)!r} is not a file.")
    reader = _READERS.get(path.suffix.lower())
    frame, separator, notes = (
        _read_csv(path, layout) if reader is None else _read_other(path, reader, layout)
    )
    if len(frame) == 0:
        raise JobError(f"The file {str(path)!r} has no rows below its header.")
    names = [str(name).strip() for name in frame.columns]
    if len(set(names)) < len(names):  # but for spaces
        names = [str(name) for name in frame.columns]
    frame.columns = names
    return frame, separator, notes


def _read_other(path, reader, layout):
    """Parquet or Excel, with the types that a CSV file would give."""
    import pandas

    try:
        frame = getattr(pandas, reader)(path)
    except ImportError as error:
        raise JobError(
            f"{str(path)!r} needs another package: {one_sentence(error)}."
        ) from error
    except (ValueError, OSError, KeyError, zipfile.BadZipFile) as error:
        raise _unreadable(path, one_sentence(error)) from error
    frame = frame.copy()
    for name in frame.columns:
        frame[name] = _simple(frame[name])
    notes = read_numbers(
        frame,
        layout.decimal,
        lambda columns: {n: Cells.of(frame[n].astype("string")) for n in columns},
    )
    return frame, None, notes


def _simple(column):
    """Numbers, true and false, and dates of numpy; everything else text."""
    kind = column.dtype.kind
    if kind in "iuf" and column.isna().any():
        return column.astype("float64")
    if kind in "iufbM" and not column.isna().any():
        return column if kind == "M" else column.astype(column.dtype.name.lower())
    if kind == "M":
        return column
    filled = column.dropna()
    if kind == "b" or filled.map(lambda value: value is True or value is False).all():
        values = column.astype("object")
    else:
        values = column.map(label_of, na_action="ignore").astype("object")
    return values.where(values.notna(), float("nan"))


def label_of(value):
    """Text of a code; a whole number without the fraction that gaps gave it."""
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value)) if whole else str(value)


def _read_csv(path, layout):
    """By the encoding that was named, or the first that fits."""
    import pandas

    encodings = [layout.encoding] if layout.encoding else _encodings(path)
    try:
        for encoding in encodings:
            try:
                frame, separator, notes = _read_encoded(path, layout, encoding)
                break
            except UnicodeDecodeError:
                if encoding == encodings[-1]:
                    raise
    except pandas.errors.EmptyDataError:
        raise JobError(f"The file {str(path)!r} is empty.") from None
    except pandas.errors.ParserWarning:
        raise _unreadable(
            path, "its rows have more fields than its first line has names"
        ) from None
    except (UnicodeDecodeError, LookupError):
        raise _unreadable(
            path, f"it is no text in {' or '.join(encodings)}; name its --encoding"
        ) from None
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise _unreadable(path, one_sentence(error)) from error
    if encoding == _FALLBACK and not layout.encoding:
        notes.append(
            f"The file is not UTF-8: it was read as {_FALLBACK} (--encoding names "
            "another)."
        )
    return frame, separator, notes


def _encodings(path):
    with open(path, "rb") as file:
        first = file.read(_FIRST_BYTES)
    if first[:2] in _UTF_16 and first[2:4] != b"\0\0":
        return ["utf-16"]
    # Neither of the others has a zero in it, unless the file is packed.
    if b"\0" in first and path.suffix.lower() not in PACKED:
        raise _unreadable(path, "it is no UTF-8 text; name its --encoding")
    return ["utf-8-sig", _FALLBACK]


def _read_encoded(path, layout, encoding):
    import pandas

    separator = layout.separator or _separator(path, encoding)
    read = functools.partial(
        pandas.read_csv,
        filepath_or_buffer=path,
        sep=separator,
        encoding=encoding,
        na_values=MISSING_MARK,
        index_col=False,
        low_memory=False,
        skipinitialspace=separator != " ",
        header=0 if layout.has_header else None,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error", pandas.errors.ParserWarning)
        frame, cells = read_in_blocks(
            read, lambda column: may_be_numbers(column, layout.decimal)
        )
    notes = []
    if layout.has_header:
        notes = _doubtful_names(path, encoding, separator, list(frame.columns))
    notes += read_numbers(
        frame,
        layout.decimal,
        lambda columns: read_cells(read, list(frame.columns), columns),
        cells,
    )
    if not layout.has_header:
        frame.columns = [f"column_{i + 1}" for i in range(frame.shape[1])]
    return frame, separator, notes + _describe_zeros(read, frame)


def _describe_zeros(read, frame):
    """A sentence about numbers with a zero before them, which pandas takes away."""
    whole = [k for k, t in enumerate(frame.dtypes) if t.kind in "iu"]
    if not whole:
        return []
    look = read(nrows=_FEW_ROWS, dtype=str)
    written = {frame.columns[k]: look.iloc[:, k].dropna() for k in whole}
    codes = [name for name, c in written.items() if c.str.fullmatch(r"0\d+").any()]
    if not codes:
        return []
    return [
        "Numbers with zeros before them, which may be codes (--categorical makes names "
        f"of them): {shown(codes)}."
    ]


def _unreadable(path, why):
    kind = _KINDS.get(path.suffix.lower(), "a CSV file")
    return JobError(f"{str(path)!r} cannot be read as {kind}: {why}.")


def _separator(path, encoding):
    """Comma, unless the first line is one field that holds another one."""
    import pandas

    first = pandas.read_csv(
        path, nrows=1, header=None, dtype=str, encoding=encoding, index_col=False
    )
    if first.shape[1] == 1:
        for separator in (";", "\t", "|"):
            if separator in str(first.iloc[0, 0]):
                return separator
    return ","


def _doubtful_names(path, encoding, separator, names):
    """Sentences about names that occur twice, or look like a row of numbers."""
    import pandas

    notes = []
    written = pandas.read_csv(
        path,
        nrows=1,
        header=None,
        dtype=str,
        encoding=encoding,
        sep=separator,
        index_col=False,
        skipinitialspace=separator != " ",
        keep_default_na=False,
    ).iloc[0]
    twice = sorted({str(n) for n in written[written.duplicated()] if str(n)})
    if twice:
        renamed = [n for n in names if n not in set(written)]
        notes.append(
            f"{counted(len(twice), 'name')} of columns used again: {shown(twice)}; the "
            f"later columns are called {shown(renamed)}."
        )
    if all(map(_is_number, written)):
        notes.append(
            "All names of columns are numbers: if the first line is a row, use "
            "--no-header."
        )
    return notes


def _is_number(text):
    try:
        float(str(text).replace(",", "."))
    except ValueError:
        return False
    return True
