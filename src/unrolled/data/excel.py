"""The first sheet of an Excel file. In: a path. Out: a frame of texts; next: `tables`."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from unrolled.data.notes import Notes, listed
from unrolled.errors import DataError, require


def read_excel(path: Path, notes: Notes) -> pl.DataFrame:
    """Read every cell as text; the first row has the names of the columns."""
    require("excel", f"reading {path}")
    import fastexcel

    try:
        sheets = fastexcel.read_excel(path).sheet_names
        frame = pl.read_excel(
            path, sheet_id=1, drop_empty_rows=False, read_options={"dtypes": "string"}
        )
    except pl.exceptions.NoDataError:
        raise DataError(f"the first sheet of {path} is empty: move the table to it") from None
    except (fastexcel.FastExcelError, pl.exceptions.PolarsError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path} is not a complete Excel file ({reason})") from None
    if len(sheets) > 1:
        notes.say(
            f"{path.name} has {len(sheets)} sheets ({listed(sheets, 4)}): the first one was read"
        )
    return frame
