"""Notes as a grid of steps and keys, and back. In: a piece. Out: (steps, 88) of 0, 1, 2.

0 is silence, 1 a held key, 2 a struck key. A piece is sampled at the beginning of each step, as in
the papers on polyphonic music: of a quarter note in two halves, one step per quarter note samples
the first. A note between two steps is left out and counted. Next: compose.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from unrolled.data.scores import KEYS, LOWEST, TEMPO, Note, Piece
from unrolled.errors import DataError

SILENT, HELD, STRUCK = 0, 1, 2
LATE = 0.125  # of a step: a note may start that much after the beat
GRIDS = (1, 2, 3, 4, 6, 8, 12)  # numbers of steps in a quarter note to try
ENOUGH = 0.75  # of the notes: a grid that samples this share is fine enough
MOST_STEPS = 200_000  # of a piece: longer ones are not real


def roll_of(piece: Piece, steps: int) -> Any:
    """The grid with this number of steps in a quarter note."""
    if piece.length * steps > MOST_STEPS:
        raise DataError(
            f"{piece.name} lasts {piece.length:,.0f} quarter notes, and the limit is "
            f"{MOST_STEPS:,} steps: its times are wrong, or use a lower --steps"
        )
    spans = [(note, *_span(note, steps)) for note in piece.notes]
    roll = np.zeros((max((end for _, _, end in spans), default=0), KEYS), np.uint8)
    for note, first, end in spans:
        column = roll[first:end, note.pitch - LOWEST]
        np.maximum(column, HELD, out=column)
        column[:1] = STRUCK
    return roll


def _span(note: Note, steps: int) -> tuple[int, int]:
    """The steps at whose beginning the note sounds, half-open."""
    first = math.ceil(note.start * steps - LATE)
    end = math.ceil((note.start + note.length) * steps - LATE)
    return max(first, 0), max(end, first, 0)


def heard(pieces: Sequence[Piece], steps: int) -> float:
    """The share of the notes that a grid samples."""
    spans = [_span(note, steps) for piece in pieces for note in piece.notes]
    return sum(end > first for first, end in spans) / max(1, len(spans))


def fine_enough(pieces: Sequence[Piece]) -> int:
    """The smallest number of steps in a quarter note that samples most of the notes."""
    return next((steps for steps in GRIDS if heard(pieces, steps) >= ENOUGH), GRIDS[-1])


def piece_of(roll: Any, steps: int, name: str = "piece", tempo: float = TEMPO) -> Piece:
    """The notes of a grid."""
    notes = [
        Note(start / steps, key + LOWEST, length / steps)
        for start, length, key in bars_of(np.asarray(roll))
    ]
    return Piece(name, tuple(sorted(notes)), tempo)


def bars_of(roll: Any) -> list[tuple[int, int, int]]:
    """(start, length, key) of each note, in steps."""
    found = []
    for key in np.flatnonzero(roll.any(0)):
        column = roll[:, key]
        before = np.concatenate([[SILENT], column[:-1]])
        begins = (column == STRUCK) | ((column == HELD) & (before == SILENT))
        edges = np.flatnonzero(begins | (column == SILENT))
        for start in np.flatnonzero(begins):
            later = edges[edges > start]
            end = int(later[0]) if len(later) else len(column)
            found.append((int(start), end - int(start), int(key)))
    return found


def transposed(roll: Any, semitones: int) -> Any:
    """Shift all keys; the caller must make sure that they stay on the piano."""
    return np.roll(roll, semitones, 1)


def room(roll: Any) -> tuple[int, int]:
    """How far down and up a grid can be shifted."""
    keys = np.flatnonzero(np.asarray(roll).any(0))
    return (int(keys[0]), KEYS - 1 - int(keys[-1])) if len(keys) else (0, 0)
