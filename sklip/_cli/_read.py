# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""A CSV file as a DataFrame, or one sentence about why not."""

import warnings
import zipfile
from pathlib import Path

from sklip._cli._errors import JobError, one_sentence

__all__ = ["MISSING_MARK", "read_table"]

# What pandas does not take for a missing value by itself, but many files use.
MISSING_MARK = "?"


def read_table(path):
    """The rows of a CSV file and its separator, a comma, semicolon or tab."""
    import pandas

    path = Path(path)
    if not path.exists():
        raise JobError(f"There is no file {str(path)!r}.")
    if not path.is_file():
        raise JobError(f"{str(path)!r} is not a file.")
    try:
        separator = _separator(path)
        with warnings.catch_warnings():
            warnings.simplefilter("error", pandas.errors.ParserWarning)
            frame = pandas.read_csv(
                path,
                sep=separator,
                na_values=MISSING_MARK,
                index_col=False,
                low_memory=False,
            )
    except pandas.errors.EmptyDataError:
        raise JobError(f"The file {str(path)!r} is empty.") from None
    except pandas.errors.ParserWarning:
        raise JobError(
            f"{str(path)!r} cannot be read as a CSV file: its rows have more fields "
            "than its first line has names."
        ) from None
    except UnicodeDecodeError:
        raise JobError(
            f"{str(path)!r} cannot be read as a CSV file: it is not UTF-8 text."
        ) from None
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise JobError(
            f"{str(path)!r} cannot be read as a CSV file: {one_sentence(error)}."
        ) from error
    if len(frame) == 0:
        raise JobError(f"The file {str(path)!r} has no rows below its header.")
    frame.columns = [str(name) for name in frame.columns]
    return frame, separator


def _separator(path):
    """Comma, unless the header is one field that holds semicolons or tabs."""
    import pandas

    header = pandas.read_csv(path, nrows=0).columns
    if len(header) == 1:
        for separator in (";", "\t"):
            if separator in str(header[0]):
                return separator
    return ","
