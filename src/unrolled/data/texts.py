"""Texts with labels. In: a table, lines, a folder of classes. Out: `Texts`; next: classify.

reviews.csv      columns with any names
lines.txt        a text on each line, without labels, for prediction
folder/          a class in each of `Greek.txt` with a text on each line, or `pos/` with files
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from unrolled.data.labels import CLASSES, LABEL_NAMES, Answers, check_classes
from unrolled.data.notes import Notes, listed
from unrolled.data.opening import (
    existing,
    kind_of,
    note_encoding,
    survey,
    text_lines,
    whole_text,
)
from unrolled.data.tables import FileTable, read_table, required
from unrolled.errors import DataError
from unrolled.literal import quoted

LONGEST = 100_000  # characters of a text that are kept (50 pages): more do not help an RNN
TEXT_NAMES = ("text", "texts", "review", "sentence", "message", "phrase", "content", "comment")
PLAIN = (".txt", ".text", ".md", "")


@dataclass(frozen=True)
class Texts:
    """Texts, their labels (None: there are none), and their rows in the file."""

    texts: list[str]
    labels: list[str] | None
    rows: list[int]  # counted from 1, without the header
    notes: Notes

    def __len__(self) -> int:
        return len(self.texts)


def read_texts(
    path: str | Path | FileTable,
    text: str | None = None,
    label: str | None = None,
    *,
    labelled: bool = True,
    learning: bool = True,
    answers: Answers = CLASSES,
    longest: int = LONGEST,
) -> Texts:
    """Texts of a file, table or folder. Not `labelled`: labels are read only if `label` is given.

    With `learning`, several classes are required.
    """
    notes = path.notes if isinstance(path, FileTable) else Notes()
    if isinstance(path, FileTable):
        cells, labels, rows = _columns(path, text, label, labelled, labelled and learning, answers)
    elif Path(path).is_dir():
        refuse_columns(path, text, label, "a folder gives texts their class by its file names")
        _refuse_other_answers(path, answers)
        cells, labels, rows = _folder(Path(path), notes, learning)
    elif kind_of(existing(path)) in PLAIN:
        if labelled:
            raise DataError(
                f"{path} is plain text and has no labels: training needs a table (CSV, TSV, JSON "
                "lines, Parquet) or a folder with a file or a folder for each class"
            )
        refuse_columns(path, text, label, "plain text has a text on each line")
        cells, labels, rows = _lines(Path(path), notes)
    else:
        table = read_table(path, notes)
        cells, labels, rows = _columns(table, text, label, labelled, labelled and learning, answers)
    return _cleaned(cells, labels, rows, notes, longest)


def refuse_columns(path: str | Path, text: str | None, label: str | None, why: str) -> None:
    """Refuse columns for a source that is not a table."""
    given = "--text" if text is not None else "--label" if label is not None else None
    if given:
        raise DataError(
            f"{given} names a column of a table, and {path} is not one ({why}): leave it out"
        )


def _refuse_other_answers(path: str | Path, answers: Answers) -> None:
    """Refuse other targets for a folder, which gives each text one class."""
    if answers.numbers or answers.separator is not None:
        what = "a number" if answers.numbers else "several labels"
        raise DataError(
            f"{path} is a folder of classes, so its texts cannot have {what}: name a table"
        )


Raw = tuple[list[str | None], list[str | None] | None, list[int]]


def _columns(
    table: FileTable,
    text: str | None,
    label: str | None,
    labelled: bool,
    learning: bool,
    answers: Answers,
) -> Raw:
    label = _label_column(table, text, label, labelled, answers)
    text = text_column(table.path, table.columns, text, label)
    cells = table.texts(text)
    rows = [int(row) for row in table.rows]
    if label is None:
        return cells, None, rows
    labels = answers.read(table.texts(label), label, table.path, table.notes, rows)
    missing = sum(one is None for one in labels)
    if missing == len(labels):
        raise DataError(
            f"the column {quoted(label)} of {table.path} is empty: there are no {answers.what}s"
        )
    table.notes.count(missing, len(labels), "rows", f"had no {answers.what} and were left out")
    kept = [i for i, one in enumerate(labels) if one is not None]
    labels, cells = [labels[i] for i in kept], [cells[i] for i in kept]
    if learning:
        answers.check([one for one in labels if one is not None], label, table.notes)
    return cells, labels, [rows[i] for i in kept]


def _label_column(
    table: FileTable, text: str | None, label: str | None, labelled: bool, answers: Answers
) -> str | None:
    if label is not None:
        return table.require(label, answers.option)
    if not labelled:
        return None
    by_name = {name.lower(): name for name in reversed(table.columns) if name != text}
    for name in LABEL_NAMES:
        if name in by_name:
            return by_name[name]
    others = [name for name in table.columns if name != text]
    if text is not None and len(others) == 1:
        return others[0]
    raise DataError(
        f"which column of {table.path} has the {answers.what}s? name it with "
        f"{answers.option}: there are "
        f"{listed(table.columns)}"
    )


def text_column(path: Path, columns: Sequence[str], text: str | None, label: str | None) -> str:
    """The given column, one with a known name, or the only one."""
    if text is not None:
        return required(path, columns, text, "--text")
    by_name = {name.lower(): name for name in reversed(columns) if name != label}
    for name in TEXT_NAMES:
        if name in by_name:
            return by_name[name]
    others = [name for name in columns if name != label]
    if len(others) == 1:
        return others[0]
    raise DataError(
        f"which column of {path} has the texts? name it with --text: there are {listed(columns)}"
    )


def _lines(path: Path, notes: Notes) -> Raw:
    found = survey(path)
    note_encoding(path, found, notes)
    cells: list[str | None] = list(text_lines(path, found))
    return cells, None, list(range(1, len(cells) + 1))


def _folder(folder: Path, notes: Notes, learning: bool) -> Raw:
    """A class for each file of lines, or for each folder of files."""
    inside = sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    folders = [p for p in inside if p.is_dir()]
    files = [p for p in inside if p.is_file() and kind_of(p) == ".txt"]
    files = [p for p in files if not p.name.lower().startswith("readme")]
    cells: list[str | None] = []
    labels: list[str | None] = []
    if folders:
        for one in folders:
            documents = sorted(p for p in one.rglob("*") if p.is_file())
            cells += [whole_text(p, notes) for p in documents]
            labels += [one.name] * len(documents)
    else:
        for one in files:
            lines = _lines(one, notes)[0]
            cells += lines
            labels += [one.name.partition(".")[0]] * len(lines)
    if len(set(labels)) < 2:
        raise DataError(
            f"{folder} must contain a folder or a .txt file for each class, and has "
            f"{len(set(labels))} of them"
        )
    if learning:
        check_classes([one for one in labels if one is not None], str(folder), notes)
    return cells, labels, list(range(1, len(cells) + 1))


def _cleaned(
    cells: Sequence[str | None],
    labels: Sequence[str | None] | None,
    rows: Sequence[int],
    notes: Notes,
    longest: int,
) -> Texts:
    """Leave out rows without a text, and truncate the longest texts."""
    kept = [i for i, cell in enumerate(cells) if cell is not None and cell.strip()]
    notes.count(len(cells) - len(kept), len(cells), "rows", "had no text and were left out")
    if not kept:
        raise DataError(f"none of {len(cells):,} rows has a text: name another column with --text")
    texts = [str(cells[i]) for i in kept]
    too_long = sum(len(one) > longest for one in texts)
    notes.count(
        too_long, len(texts), "texts", f"were longer than {longest:,} characters and were truncated"
    )
    repeated = 0 if labels is None else len(texts) - len(set(texts))  # only labeled data are split
    notes.count(
        repeated, len(texts), "texts", "repeat an earlier one; equal texts stay in the same part"
    )
    return Texts(
        [one[:longest] for one in texts],
        None if labels is None else [str(labels[i]) for i in kept],
        [rows[i] for i in kept],
        notes,
    )
