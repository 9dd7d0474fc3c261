"""Scores in files. In: MIDI, ABC and MusicXML files, or a folder of them. Out: `Music`.

Unreadable files are left out and counted. Next: `piano_roll`, then compose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from unrolled.data import abc_tunes, midi, musicxml
from unrolled.data.notes import listed
from unrolled.data.opening import existing
from unrolled.data.scores import MOST_BYTES, Music, NoNotes, Piece, checked
from unrolled.errors import DataError

MIDI, ABC, XML = (".mid", ".midi"), (".abc",), (".musicxml", ".mxl", ".xml")


def read_music(source: str | Path) -> Music:
    """Every piece of a file, or of all files in a folder."""
    source = Path(source)
    paths = list(_paths(source)) if source.is_dir() else [existing(source)]
    found, failed, silent = Music(), [], []
    for path in paths:
        try:
            found.pieces += read_pieces(path)
        except NoNotes as error:
            silent.append(error)
        except DataError as error:
            failed.append(error)
    for errors, kind in ((silent, "have no pitched note"), (failed, "cannot be read")):
        if errors and not found.pieces and (len(paths) == 1 or len(errors) == len(paths)):
            raise errors[0]
        if errors:
            did = f"{kind} and were left out (the first: {errors[0]})"
            found.notes.count(len(errors), len(paths), "files", did)
    if not found.pieces:
        raise DataError(f"{source} contains no usable piece: {failed[0]}")
    return checked(found)


def read_pieces(path: Path) -> list[Piece]:
    """The pieces of one file, in the format given by its extension."""
    path = existing(path)
    if path.stat().st_size > MOST_BYTES:
        raise DataError(f"{path} is larger than the limit of {MOST_BYTES:,} bytes for a score")
    pieces = _reader(path)(path)
    drums = sum(one.left_out for one in pieces)
    pieces = [piece for piece in pieces if piece.notes]
    if not pieces and drums:
        raise NoNotes(f"{path} contains only percussion: choose a piece with pitched notes")
    if not pieces:
        raise NoNotes(f"{path} contains no notes: choose another file")
    return pieces


def _reader(path: Path) -> Callable[[Path], list[Piece]]:
    ending = path.suffix.lower()
    for endings, read in ((MIDI, midi.read), (ABC, abc_tunes.read), (XML, musicxml.read)):
        if ending in endings:
            return read
    raise DataError(
        f"{path} is not a supported score: its extension is {ending or 'missing'!r}, and "
        f"supported are {listed([*MIDI, *ABC, *XML])}"
    )


def _paths(folder: Path) -> Iterator[Path]:
    endings = (*MIDI, *ABC, *XML)
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in endings)
    if not paths:
        raise DataError(f"the folder {folder} contains no score: name one with {listed(endings)}")
    yield from paths
