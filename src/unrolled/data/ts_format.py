"""The .ts files of the time-series archives. In: a path. Out: values and labels; next: `series`.

    @problemName JapaneseVowels
    @classLabel true 1 2 3
    @data
    1.86,1.89,1.93:0.2,?,0.4:3        channels between colons, steps between commas, the label last

Lengths may differ between lines; `?` and `NaN` are missing. Time stamps, `(2007-01-02,1.5)`, are
not supported.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from unrolled.data.notes import Notes
from unrolled.data.numbers import LARGEST
from unrolled.data.opening import existing, note_encoding, survey, text_lines
from unrolled.errors import DataError


@dataclass
class Header:
    """The content above `@data`."""

    timestamps: bool = False
    labelled: bool = False
    classes: list[str] = field(default_factory=list)
    target: bool = False
    seen_data: bool = False


def read_ts(path: str | Path, notes: Notes) -> tuple[list[Any], list[str] | None]:
    """The series, each (T, channels) with NaN where a value is missing, and their labels."""
    path = existing(path)
    found = survey(path)
    note_encoding(path, found, notes)
    header = Header()
    series: list[Any] = []
    labels: list[str] = []
    for number, line in _lines(path, found):
        if not header.seen_data:
            _read_header(path, number, line, header)
            continue
        values, label = _read_case(path, number, line, header)
        if series and values.shape[1] != series[0].shape[1]:
            raise DataError(
                f"line {number} of {path} has {values.shape[1]} channels, and the lines before "
                f"it have {series[0].shape[1]}"
            )
        series.append(values)
        labels.append(label)
    if not header.seen_data:
        raise DataError(f"{path} has no line @data: it is not a .ts file")
    if not series:
        raise DataError(f"{path} has no series below @data")
    return series, labels if header.labelled else None


def _lines(path: Path, found: Any) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text_lines(path, found), 1):
        line = line.strip()
        if line and not line.startswith(("#", "%")):
            yield number, line


def _read_header(path: Path, number: int, line: str, header: Header) -> None:
    if not line.startswith("@"):
        raise DataError(
            f"line {number} of {path} is {line[:30]!r}: above @data each line begins with @ or #"
        )
    words = line.split()
    name, is_true = words[0].lower(), len(words) > 1 and words[1].lower() == "true"
    if name == "@data":
        header.seen_data = True
        if header.target:
            raise DataError(
                f"{path} has @targetlabel: numbers to predict, not classes; name a file with "
                "@classLabel"
            )
    elif name == "@timestamps":
        header.timestamps = is_true
    elif name == "@targetlabel":
        header.target = is_true
    elif name == "@classlabel":
        header.labelled, header.classes = is_true, words[2:]
    if name == "@timestamps" and is_true:
        raise DataError(
            f"{path} has time stamps (@timeStamps true), which are not supported: write only the "
            "values, at equal steps, or a CSV with one row for each step"
        )


def _read_case(path: Path, number: int, line: str, header: Header) -> tuple[Any, str]:
    """One line: the channels, without padding, and the label."""
    if "(" in line:
        raise DataError(
            f"line {number} of {path} has time stamps, (time,value): write only the values"
        )
    parts = line.split(":")
    label = parts.pop().strip() if header.labelled else ""
    if not parts:
        raise DataError(f"line {number} of {path} has a label and no values")
    if header.labelled and header.classes and label not in header.classes:
        raise DataError(
            f"line {number} of {path} ends in {label[:30]!r}, which is not one of the classes of "
            f"@classLabel ({', '.join(header.classes[:8])})"
        )
    channels = [_channel(path, number, part) for part in parts]
    if len({len(one) for one in channels}) > 1:
        lengths = ", ".join(str(len(one)) for one in channels[:8])
        raise DataError(f"line {number} of {path}: its channels have {lengths} steps")
    return np.stack(channels, 1), label


def _channel(path: Path, number: int, part: str) -> Any:
    words = [word.strip() for word in part.split(",")]
    if words == [""]:
        raise DataError(f"line {number} of {path} has a channel without values")
    try:
        values = np.array(
            [np.nan if word in ("?", "") else float(word) for word in words], np.float64
        )
    except ValueError as error:
        wrong = str(error).rpartition(":")[2].strip()
        raise DataError(f"line {number} of {path} has {wrong}, which is not a number") from None
    if (np.abs(values) > LARGEST).any():
        raise DataError(
            f"line {number} of {path} has an infinite number, or one beyond {LARGEST:.1e}: write "
            "? for missing values, and rescale larger ones"
        )
    return values
