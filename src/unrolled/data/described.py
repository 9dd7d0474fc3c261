"""Files with a text for each of them. In: a table of files and texts, a folder. Out: `Described`.

A table has a file and its text in each row; paths are relative to the table's folder. In a folder,
the text of `a.wav` is in `a.txt` beside it. Unreadable files are left out and counted.
Next: `speech`, `pictures`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from unrolled.data.notes import Notes, listed
from unrolled.data.opening import existing
from unrolled.data.splits import hold_out
from unrolled.data.tables import read_table
from unrolled.errors import DataError

TEXT_NAMES = ("text", "sentence", "transcription", "transcript", "caption", "words", "label")
TABLES_OF_A_FOLDER = ("table.csv", "metadata.csv", "table.tsv", "metadata.jsonl")

D = TypeVar("D", bound="Described")


@dataclass(frozen=True)
class Kind:
    """The content of the files: its names, and their extensions."""

    one: str  # "recording"
    many: str
    formats: str  # "WAV or FLAC files"
    endings: tuple[str, ...]
    names: tuple[str, ...]  # of columns with such files


@dataclass
class Described:
    """The contents of files, their names, and their texts (empty if not requested)."""

    names: list[str] = field(default_factory=list)
    contents: list[Any] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    notes: Notes = field(default_factory=Notes)

    def __len__(self) -> int:
        return len(self.contents)

    def select(self: D, rows: list[int]) -> D:
        """The items at `rows`, in this order."""
        return replace(
            self,
            names=[self.names[row] for row in rows],
            contents=[self.contents[row] for row in rows],
            texts=[self.texts[row] for row in rows],
        )

    def hold_out(self: D, share: float, seed: int) -> tuple[D, D | None]:
        """The training data and the test data, about a `share` of the whole."""
        if share == 0:
            return self, None
        learned, held = hold_out([""] * len(self), share, seed)
        return self.select(learned.tolist()), self.select(held.tolist())


@dataclass(frozen=True)
class DescribedParts:
    """The training data, and their own test set."""

    train: Described
    test: Described


def fill(
    found: Described,
    source: str | Path,
    kind: Kind,
    read: Callable[[Path], Any],
    file: str | None,
    text: str | None,
    labelled: bool,
) -> None:
    """Read all files of a source; those that are unreadable or have no text are counted."""
    failed, total = [], 0
    for path, words in files_of(source, kind, file, text, labelled, found.notes):
        total += 1
        if labelled and not words.strip():
            failed.append(f"{path.name} has no text")
            continue
        try:
            content = read(path)
        except DataError as error:
            failed.append(str(error))
            continue
        found.names.append(path.name)
        found.contents.append(content)
        found.texts.append(words)
    if not len(found):
        raise DataError(
            f"{source} contains no readable {kind.one}: {failed[0] if failed else 'no file'}"
        )
    if failed:
        found.notes.count(
            len(failed), total, kind.many, f"were left out (the first: {failed[0]})"
        )  # fmt: skip


def files_of(
    place: str | Path, kind: Kind, file: str | None, text: str | None, labelled: bool, notes: Notes
) -> Iterator[tuple[Path, str]]:
    """The files of a source, and their texts."""
    source = Path(place)
    if source.is_dir():
        inside = next((n for n in TABLES_OF_A_FOLDER if (source / n).is_file()), None)
        if inside is None or not labelled:
            yield from _of_folder(source, kind, labelled)
            return
        source = source / inside
    path = existing(source)
    if path.suffix.lower() in kind.endings:
        if labelled:
            raise DataError(
                f"{path} is a single {kind.one}: name a table of files and texts, or a folder"
            )
        yield path, ""
        return
    table = read_table(path, notes)
    files = table.texts(_column(path, table.columns, file, kind.names, "file"))
    texts: list[str | None] = [""] * len(files)
    if labelled:
        texts = table.texts(_column(path, table.columns, text, TEXT_NAMES, "text"))
    for name, words in zip(files, texts):
        yield path.parent / (name or ""), words or ""


def _of_folder(source: Path, kind: Kind, labelled: bool) -> Iterator[tuple[Path, str]]:
    paths = sorted(path for path in source.rglob("*") if path.suffix.lower() in kind.endings)
    if not paths:
        raise DataError(f"the folder {source} contains no {kind.one}: name one with {kind.formats}")
    for path in paths:
        beside = path.with_suffix(".txt")
        words = ""
        if labelled and beside.is_file():
            words = beside.read_text(encoding="utf-8", errors="replace")
        yield path, " ".join(words.split())


def _column(
    path: Path, there: list[str], asked: str | None, usual: tuple[str, ...], option: str
) -> str:
    """The requested column, or one with a known name."""
    by_name = {name.lower(): name for name in there}
    for name in [asked] if asked else usual:
        if name in there:
            return name
        if not asked and name in by_name:
            return by_name[name]
    raise DataError(
        f"{path} has the columns {listed(there)}: name the one with the {option}s with --{option}"
    )
