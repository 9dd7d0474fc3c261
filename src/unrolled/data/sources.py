"""Where data come from. In: a path or `builtin:NAME`, columns. Out: data of a task; next: tasks.

labelled("reviews.csv", text="review", label="sentiment")     Labelled
unlabelled("new.csv", text="review")                          Texts or SeriesSet
time_series("sales.csv", time="date", value="units")          TimeSeriesSet
corpus("book.txt")                                            Corpus
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from unrolled.data import builtin
from unrolled.data.corpus import Corpus, read_corpus
from unrolled.data.labelled import Labelled, Sequences
from unrolled.data.opening import existing, kind_of
from unrolled.data.series import LABEL_NAMES, SERIES_NAMES, read_series
from unrolled.data.tables import Table, read_table
from unrolled.data.texts import TEXT_NAMES, read_texts
from unrolled.data.timeseries import TimeSeriesSet, read_time_series
from unrolled.errors import DataError

Source = str | Path


def labelled(
    source: Source,
    *,
    text: str | None = None,
    label: str | None = None,
    series: str | None = None,
    time: str | None = None,
    test: Source | None = None,
) -> Labelled:
    """What to learn from, with a test set of its own if `test` names one."""
    if builtin.is_builtin(source):
        _refuse_columns(source, text=text, label=label, series=series, time=time)
        data = builtin.load(str(source), "classify")
        assert isinstance(data, Labelled)
    elif is_text(source, text, label, series):
        data = Labelled(read_texts(source, text, label))
    else:
        data = Labelled(read_series(source, label, series, time))
    if test is None:
        return data
    other = labelled(test, text=text, label=label, series=series, time=time)
    if other.is_text != data.is_text:
        raise DataError(f"{source} and {test} are of two kinds: one holds texts, one holds series")
    return Labelled(data.train, other.train)


def unlabelled(
    source: Source,
    *,
    text: str | None = None,
    series: str | None = None,
    time: str | None = None,
    label: str | None = None,
    texts: bool = True,
) -> Sequences:
    """What is to be predicted; `texts` says what the model was trained on."""
    if builtin.is_builtin(source):
        data = builtin.load(str(source), "classify")
        return data.train if data.test is None else data.test
    if texts:
        return read_texts(source, text, labelled=False)
    return read_series(source, label, series, time, labelled=False)


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
        first = value if isinstance(value, str) or not value else value[0]
        _refuse_columns(source, time=time, value=first, series=series, every=every)
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


def _refuse_columns(source: Source, **columns: str | None) -> None:
    given = [name for name, value in columns.items() if value]
    if given:
        raise DataError(
            f"--{given[0]} names a column of a file, and {source} is none: leave it out"
        )


def is_text(source: Source, text: str | None, label: str | None, series: str | None) -> bool:
    """Whether a file holds texts: else it holds numeric series."""
    if Path(source).is_dir():
        return True
    kind = kind_of(existing(source))
    if text is not None or series is not None or kind in (".npz", ".ts", ".txt", ""):
        return series is None and kind not in (".npz", ".ts")
    table = read_table(source)
    names = {name.lower() for name in table.columns}
    if names & set(TEXT_NAMES):
        return True
    if names & set(SERIES_NAMES):
        return False
    others = [name for name in table.columns if name != label and name.lower() not in LABEL_NAMES]
    return not others or not all(_is_numeric(table, name) for name in others)


def _is_numeric(table: Table, name: str) -> bool:
    try:
        table.numbers(name)
    except DataError:
        return False
    return True
