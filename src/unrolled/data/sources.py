"""Loads data for a task. In: a path or `builtin:NAME`, columns. Out: data of a task; next: tasks.

labelled("reviews.csv", text="review", label="sentiment")     Labelled
unlabelled("new.csv", text="review")                          Texts or SeriesSet
time_series("sales.csv", time="date", value="units")          TimeSeriesSet
corpus("book.txt")                                            Corpus
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from unrolled.data import builtin
from unrolled.data.clips import CLIPS, clip_stream, holds_clips, read_clips
from unrolled.data.corpus import Corpus, read_corpus
from unrolled.data.labelled import Labelled, Sequences
from unrolled.data.labels import CLASSES, LABEL_NAMES, Answers
from unrolled.data.notes import Notes
from unrolled.data.numbers import NumberTooLarge
from unrolled.data.opening import existing, kind_of
from unrolled.data.series import SERIES_NAMES, SeriesSet, read_series
from unrolled.data.streaming import Batch, batch_of_lines, text_batches, whole_frame
from unrolled.data.tables import FileTable, read_table
from unrolled.data.texts import PLAIN, TEXT_NAMES, Texts, read_texts
from unrolled.data.timeseries import TimeSeriesSet, read_time_series
from unrolled.errors import DataError

Source = str | Path
LOOKED_AT = 50  # columns that are checked before all are read
WITHOUT_COLUMNS = (*PLAIN, ".npz", ".ts")


def labelled(
    source: Source,
    *,
    text: str | None = None,
    label: str | None = None,
    series: str | None = None,
    time: str | None = None,
    times: str | None = None,
    test: Source | None = None,
    learning: bool = True,
    answers: Answers = CLASSES,
) -> Labelled:
    """Labeled data, with a separate test set if `test` names one.

    Without `learning`, the data are only for evaluation, and a single class is enough. `answers`
    defines how the column of the labels is read.
    """
    if builtin.is_builtin(source):
        _refuse_columns(source, text=text, label=label, series=series, time=time, times=times)
        data = builtin.load(str(source), "classify")
        assert isinstance(data, Labelled)
        _refuse_other_answers(source, answers)
    else:
        read = read_table(source) if has_columns(source) else source
        if holds_clips(read):
            _refuse_columns_of_clips(source, text=text, series=series, time=time, times=times)
            data = Labelled(read_clips(read, label, learning=learning, answers=answers))
        elif is_text(read, text, label, series):
            refuse_columns_of_series(source, series=series, time=time, times=times)
            data = Labelled(read_texts(read, text, label, learning=learning, answers=answers))
        else:
            _refuse_column_of_texts(source, text, series)
            found = read_series(
                read, label, series, time, times=times, learning=learning, answers=answers
            )
            data = Labelled(found)
    data = replace(data, answers=answers)
    if test is None:
        return data
    columns = {"text": text, "label": label, "series": series, "time": time, "times": times}
    if not has_columns(test):
        columns = {}
    other = labelled(test, **columns, learning=False, answers=replace(answers, fold=False))
    if other.is_text != data.is_text:
        raise DataError(f"{source} and {test} are different: one contains texts, the other series")
    both = replace(data, test=other.train)
    return both.written_alike() if answers.fold else both


def unlabelled(
    source: Source | FileTable,
    *,
    text: str | None = None,
    series: str | None = None,
    time: str | None = None,
    times: str | None = None,
    label: str | None = None,
    texts: bool = True,
) -> Sequences:
    """Inputs for prediction; `texts` says whether the model was trained on texts."""
    if not isinstance(source, FileTable) and builtin.is_builtin(source):
        _refuse_columns(source, text=text, label=label, series=series, time=time, times=times)
        data = builtin.load(str(source), "classify")
        found: Sequences = data.train if data.test is None else data.test
        return found
    if texts:
        refuse_columns_of_series(source, series=series, time=time, times=times)
        return read_texts(source, text, labelled=False)
    _refuse_column_of_texts(source, text, series)
    return read_series(source, label, series, time, times=times, labelled=False)


def unlabelled_texts(source: Source, text: str | None, notes: Notes) -> Iterator[Batch]:
    """Texts for prediction, batch by batch if the source can be read so."""
    if not builtin.is_builtin(source) and not Path(source).is_dir():
        yield from text_batches(source, text, notes)
        return
    data = unlabelled(source, text=text)
    assert isinstance(data, Texts)
    for note in data.notes:
        notes.say(note)
    yield batch_of_lines(data.texts, data.rows)


def unlabelled_series(source: Source, notes: Notes, **columns: Any) -> Batch:
    """Series for prediction, and the rows of the table that each was read from."""
    read = read_table(source) if has_columns(source) else source
    data = unlabelled(read, texts=False, **columns)
    assert isinstance(data, SeriesSet)
    for note in data.notes:
        notes.say(note)
    if isinstance(read, FileTable):
        frame = whole_frame(read)
        lines = np.full(frame.height, -1)
        for number, rows in enumerate(data.lines):
            lines[np.asarray(rows) - 1] = number
    else:  # without columns, the names of the series are used
        frame, lines = pl.DataFrame({"series": data.rows}), np.arange(len(data))
    return Batch(data.values, list(data.rows), frame.height, frame, lines)


def unlabelled_clips(source: Source, notes: Notes, size: int = 256) -> Iterator[Batch]:
    """Clips for prediction, some at a time; an unreadable one has no prediction."""
    if builtin.is_builtin(source):
        yield unlabelled_series(source, notes, series=None, time=None, text=None, label=None)
        return
    is_clip = Path(source).suffix.lower() in CLIPS
    read = source if is_clip or not has_columns(source) else read_table(source)
    stream, total = clip_stream(read, notes), 0
    while some := list(itertools.islice(stream, size)):
        there = [number for number, (_, clip) in enumerate(some) if clip is not None]
        lines = np.full(len(some), -1)
        lines[there] = np.arange(len(there))
        frame = pl.DataFrame({"clip": [name for name, _ in some]}, schema={"clip": pl.String})
        total += len(some)
        names = [some[number][0] for number in there]
        yield Batch([some[number][1] for number in there], names, total, frame, lines)


def time_series(
    source: Source,
    time: str | None = None,
    value: str | Sequence[str] | None = None,
    series: str | None = None,
    *,
    known: Sequence[str] = (),
    past: Sequence[str] = (),
    every: str | None = None,
) -> TimeSeriesSet:
    """Series to forecast."""
    if builtin.is_builtin(source):
        columns = {"time": time, "value": value, "series": series, "known": known, "past": past}
        _refuse_columns(source, **columns, every=every)
        data = builtin.load(str(source), "forecast")
        assert isinstance(data, TimeSeriesSet)
        return data
    return read_time_series(source, time, value, series, known=known, past=past, every=every)


def corpus(source: Source) -> Corpus:
    """Text to continue."""
    if builtin.is_builtin(source):
        data = builtin.load(str(source), "generate")
        assert isinstance(data, Corpus)
        return data
    return read_corpus(source)


def has_columns(source: Source) -> bool:
    """Whether a source is a table with named columns."""
    if builtin.is_builtin(source) or Path(source).is_dir():
        return False
    return kind_of(existing(source)) not in WITHOUT_COLUMNS


def _refuse_other_answers(source: Source, answers: Answers) -> None:
    """Refuse other targets for built-in sets, whose rows have one class."""
    if answers.numbers or answers.separator is not None:
        what = "numbers" if answers.numbers else "several labels per row"
        raise DataError(f"{source} has one class per row, not {what}: name a file")


def _refuse_columns(source: Source, **columns: object) -> None:
    given = [name for name, value in columns.items() if value]
    if given:
        what = "says how a file is read" if given[0] == "every" else "names a column of a file"
        raise DataError(f"--{given[0]} {what}, and {source} is not one: leave it out")


def _refuse_columns_of_clips(source: Source, **columns: str | None) -> None:
    """Refuse columns: clips are files or folders, and tables name them in a known column."""
    given = [name for name, value in columns.items() if value]
    if given:
        raise DataError(f"--{given[0]} is for texts or series, and {source} contains clips: "
                        "leave it out")  # fmt: skip


def refuse_columns_of_series(source: Source | FileTable, **columns: str | None) -> None:
    """Refuse the columns of series for texts, which have no steps."""
    given = [name for name, value in columns.items() if value]
    if given:
        raise DataError(
            f"--{given[0]} is for series, and {source} is read as texts: leave "
            "it out, or leave --text out if the table contains numbers"
        )


def _refuse_column_of_texts(
    source: Source | FileTable, text: str | None, series: str | None
) -> None:
    if text is None:
        return
    if series is not None:
        raise DataError(
            "--text names a column of texts, and --series is for numbers: choose one of them"
        )
    where = source.path if isinstance(source, FileTable) else source
    raise DataError(f"--text names a column of texts, and {where} contains series: leave it out")


def is_text(
    source: Source | FileTable, text: str | None, label: str | None, series: str | None
) -> bool:
    """Whether a file or a table contains texts rather than numeric series."""
    if not isinstance(source, FileTable):
        if Path(source).is_dir():
            return True
        kind = kind_of(existing(source))
        if text is not None or series is not None or not has_columns(source):
            return series is None and kind not in (".npz", ".ts")
    elif text is not None or series is not None:
        return series is None
    table = read_table(source)
    names = {name.lower() for name in table.columns}
    if names & set(TEXT_NAMES):
        return True
    if names & set(SERIES_NAMES):
        return False
    others = [name for name in table.columns if name != label and name.lower() not in LABEL_NAMES]
    return not others or not _are_numbers(table, others)


def _are_numbers(table: FileTable, names: Sequence[str]) -> bool:
    try:
        table.matrix(names[:LOOKED_AT], Notes())  # enough to recognize most texts
        table.matrix(names[LOOKED_AT:], Notes())
    except NumberTooLarge:  # reading will report it
        return True
    except DataError:
        return False
    return True
