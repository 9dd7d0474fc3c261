"""Pieces of music as notes. In: what `midi`, `abc_tunes` and `musicxml` read. Out: `Music`.

Time is in quarter notes from the beginning of the piece; pitch is a MIDI number (60 is middle C).
Drums are left out and counted. Next: `score_files`, `piano_roll`, then compose.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction

from unrolled.data.notes import Notes
from unrolled.data.splits import hold_out
from unrolled.errors import DataError
from unrolled.literal import because

LOWEST, KEYS = 21, 88  # of a piano, from A0 to C8
TEMPO = 100.0  # quarter notes per minute, if the file gives no tempo
MOST_BYTES = 64 << 20  # of a file: scores are smaller
NUMBER = re.compile(r"[+-]?[0-9]{1,9}(\.[0-9]{1,9}|/[0-9]{1,9})?")
FINEST = 1 << 20  # resolution: parts of a quarter note


@dataclass(frozen=True, order=True)
class Note:
    """A key that is struck and then held."""

    start: float  # quarter notes
    pitch: int
    length: float


@dataclass(frozen=True)
class Piece:
    """Notes in the order of their start; `left_out` counts those that are not keys of a piano."""

    name: str
    notes: tuple[Note, ...]
    tempo: float = TEMPO
    left_out: int = 0

    @property
    def length(self) -> float:
        """Quarter notes until the end of the last note."""
        return max((note.start + note.length for note in self.notes), default=0.0)


class NoNotes(DataError):
    """A readable score without notes."""


@dataclass
class Music:
    """Pieces, and notes on how they were changed."""

    pieces: list[Piece] = field(default_factory=list)
    notes: Notes = field(default_factory=Notes)

    def __len__(self) -> int:
        return len(self.pieces)

    def hold_out(self, share: float, seed: int) -> tuple[Music, Music | None]:
        """The training data and the test data, about a `share` of the pieces.

        Pieces with the same notes stay together.
        """
        if share == 0 or len(self) < 2:
            return self, None
        together = [piece.notes for piece in self.pieces]
        parts = hold_out([""] * len(self), share, seed, together)
        learned, held = ([self.pieces[row] for row in rows] for rows in parts)
        return Music(learned, self.notes), Music(held, self.notes) if held else None


def checked(music: Music) -> Music:
    """Leave out and count notes beyond the keys of a piano."""
    total = sum(len(one.notes) + one.left_out for one in music.pieces)
    outside = 0
    for row, piece in enumerate(music.pieces):
        kept = tuple(n for n in piece.notes if LOWEST <= n.pitch < LOWEST + KEYS)
        outside += len(piece.notes) - len(kept)
        music.pieces[row] = replace(piece, notes=kept)
    drums = sum(one.left_out for one in music.pieces)
    music.notes.count(drums, total, "notes", "are unpitched percussion and were left out")
    music.notes.count(outside, total, "notes", "are beyond the 88 keys of a piano: left out")
    music.pieces = [piece for piece in music.pieces if piece.notes]
    if not music.pieces:
        raise NoNotes("every note is beyond the 88 keys of a piano: choose other pieces")
    return music


def number_of(text: str) -> Fraction:
    """Parse a number of a score. Others are refused: 1e999999 alone would take minutes."""
    if NUMBER.fullmatch(text.strip()) is None:
        raise ValueError(f"{because(text, 20)} is not a number")
    return Fraction(text.strip())


def settled(time: Fraction) -> Fraction:
    """Round a time to the resolution, so that denominators do not grow from note to note."""
    return time.limit_denominator(FINEST)


def in_order(notes: Iterable[Note]) -> tuple[Note, ...]:
    """By start, then by pitch."""
    return tuple(sorted(notes))
