"""Recordings and what is said in them. In: a table of files and texts, a folder. Out: `Speech`.

A table names a sound file and its text in each row; paths are seen from the table's own folder. In
a folder, the text of `a.wav` stands in `a.txt` beside it. What cannot be read is left out and
counted. Next: transcribe.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from unrolled.data.notes import Notes, listed
from unrolled.data.opening import existing
from unrolled.data.sound import ENDINGS, Sound, read_sound, resampled
from unrolled.data.splits import hold_out
from unrolled.data.tables import read_table
from unrolled.errors import DataError

FILE_NAMES = ("file", "path", "file_name", "filename", "wav", "audio")
TEXT_NAMES = ("text", "sentence", "transcription", "transcript", "words", "label")
TABLES_OF_A_FOLDER = ("table.csv", "metadata.csv", "table.tsv", "metadata.jsonl")


@dataclass
class Speech:
    """Recordings at one rate, their names, and their texts (empty ones where none are asked)."""

    names: list[str] = field(default_factory=list)
    sounds: list[Sound] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    rate: int = 0
    notes: Notes = field(default_factory=Notes)

    def __len__(self) -> int:
        return len(self.sounds)

    def select(self, rows: list[int]) -> Speech:
        """Some of them, in this order."""
        return Speech(
            [self.names[row] for row in rows],
            [self.sounds[row] for row in rows],
            [self.texts[row] for row in rows],
            self.rate,
            self.notes,
        )

    def hold_out(self, share: float, seed: int) -> tuple[Speech, Speech | None]:
        """What to learn from, and about a `share` to be tested on."""
        if share == 0:
            return self, None
        learned, held = hold_out([""] * len(self), share, seed)
        return self.select(learned.tolist()), self.select(held.tolist())


def read_speech(
    source: str | Path,
    file: str | None = None,
    text: str | None = None,
    *,
    labelled: bool = True,
    rate: int | None = None,
) -> Speech:
    """All recordings, brought to one rate: the one given, else the most frequent."""
    found, failed, total = Speech(), [], 0
    for path, words in _rows(Path(source), file, text, labelled, found.notes):
        total += 1
        if labelled and not words.strip():
            failed.append(f"{path.name} has no text")
            continue
        try:
            sound = read_sound(path)
        except DataError as error:
            failed.append(str(error))
            continue
        found.names.append(path.name)
        found.sounds.append(sound)
        found.texts.append(words)
    if not len(found):
        raise DataError(
            f"{source} holds no recording that can be read: {failed[0] if failed else 'no file'}"
        )
    if failed:
        found.notes.count(
            len(failed), total, "recordings", f"were left out (the first: {failed[0]})"
        )
    _bring_to(found, rate)
    return found


def _bring_to(found: Speech, rate: int | None) -> None:
    rates = Counter(sound.rate for sound in found.sounds)
    found.rate = rate or rates.most_common(1)[0][0]
    total = len(found)
    several = sum(sound.channels > 1 for sound in found.sounds)
    found.notes.count(several, total, "recordings", "have several channels: their mean is read")
    others = sorted(set(rates) - {found.rate})
    heard = ", ".join(f"{one:,} Hz" for one in others[:4])
    changed = total - rates[found.rate]
    found.notes.count(
        changed, total, "recordings", f"were resampled to {found.rate:,} Hz (they have {heard})"
    )
    found.sounds = [resampled(sound, found.rate) for sound in found.sounds]


def _rows(
    source: Path, file: str | None, text: str | None, labelled: bool, notes: Notes
) -> Iterator[tuple[Path, str]]:
    """Sound files and their texts."""
    if source.is_dir():
        inside = next((n for n in TABLES_OF_A_FOLDER if (source / n).is_file()), None)
        if inside is None or not labelled:
            yield from _of_folder(source, labelled, notes)
            return
        source = source / inside
    path = existing(source)
    if path.suffix.lower() in ENDINGS:
        if labelled:
            raise DataError(
                f"{path} is one recording: to learn, name a table of files and texts, or a folder"
            )
        yield path, ""
        return
    table = read_table(path, notes)
    files = table.texts(_column(path, table.columns, file, FILE_NAMES, "file"))
    texts: list[str | None] = [""] * len(files)
    if labelled:
        texts = table.texts(_column(path, table.columns, text, TEXT_NAMES, "text"))
    for name, words in zip(files, texts):
        yield path.parent / (name or ""), words or ""


def _of_folder(source: Path, labelled: bool, notes: Notes) -> Iterator[tuple[Path, str]]:
    paths = sorted(path for path in source.rglob("*") if path.suffix.lower() in ENDINGS)
    if not paths:
        raise DataError(f"the folder {source} holds no sound: name one with WAV or FLAC files")
    for path in paths:
        beside = path.with_suffix(".txt")
        words = ""
        if labelled and beside.is_file():
            words = beside.read_text(encoding="utf-8", errors="replace")
        yield path, " ".join(words.split())


def _column(
    path: Path, there: list[str], asked: str | None, usual: tuple[str, ...], option: str
) -> str:
    """The column that was asked for, or one with a usual name."""
    by_name = {name.lower(): name for name in there}
    for name in [asked] if asked else usual:
        if name in there:
            return name
        if not asked and name in by_name:
            return by_name[name]
    raise DataError(
        f"{path} has the columns {listed(there)}: say which holds the {option}s with --{option}"
    )
