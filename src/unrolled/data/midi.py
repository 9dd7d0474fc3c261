"""Reads and writes MIDI files with mido. In: a file or a piece. Out: a piece or a file.

A channel is an instrument; channel 10 is percussion. The first tempo is used. Next: `scores`.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from unrolled.data.scores import TEMPO, Note, Piece, in_order
from unrolled.errors import DataError, extras
from unrolled.files import write_whole
from unrolled.literal import because

MOST_BYTES = 1 << 20  # of a file: hours of music; messages take 300 times as much memory
PERCUSSION = 9  # of channels counted from 0
TICKS = 480  # in a quarter note, in written files
LOUDNESS = 80  # of 127
MINUTE = 60_000_000  # microseconds
DAMAGE = (EOFError, OSError, ValueError, IndexError, KeyError, TypeError, LookupError)


def read(path: Path) -> list[Piece]:
    """The piece in a file."""
    with extras(f"reading {path}"):
        import mido
        from mido.midifiles.meta import KeySignatureError
    if path.stat().st_size > MOST_BYTES:
        raise DataError(f"{path} is larger than the limit of {MOST_BYTES:,} bytes for a MIDI file")
    data = path.read_bytes()
    if data[:4] != b"MThd":
        raise DataError(f"{path} is not a MIDI file: it does not begin with MThd")
    try:
        file = mido.MidiFile(file=io.BytesIO(data))
        messages = mido.merge_tracks(file.tracks)
    except (*DAMAGE, KeySignatureError) as error:
        raise DataError(
            f"{path} is damaged or truncated ({because(error)}): download it again"
        ) from None
    if file.ticks_per_beat <= 0 or file.ticks_per_beat >= 1 << 15:
        raise DataError(
            f"{path} counts time in film frames, not in notes: save it with ticks per quarter note"
        )
    return [_piece(path.name, messages, file.ticks_per_beat)]


def _piece(name: str, messages: Any, ticks: int) -> Piece:
    """Notes from messages; a note that is struck again ends first, and one that is never released
    ends with the piece."""
    now, drums, tempo = 0, 0, None
    begun: dict[tuple[int, int], list[int]] = {}
    notes: list[Note] = []

    def end(channel: int, pitch: int) -> None:
        starts = begun.get((channel, pitch))
        if starts:
            start = starts.pop(0)
            if now > start:
                notes.append(Note(start / ticks, pitch, (now - start) / ticks))

    for message in messages:
        now += message.time
        if message.type == "set_tempo" and tempo is None and message.tempo:
            tempo = MINUTE / message.tempo
        if message.type not in ("note_on", "note_off"):
            continue
        struck = message.type == "note_on" and message.velocity > 0
        if message.channel == PERCUSSION:
            drums += struck
            continue
        if not struck:
            end(message.channel, message.note)
            continue
        end(message.channel, message.note)
        begun.setdefault((message.channel, message.note), []).append(now)
    for channel, pitch in list(begun):
        end(channel, pitch)
    return Piece(name, in_order(notes), tempo or TEMPO, drums)


def write(piece: Piece, path: Path) -> None:
    """Write a piece as a MIDI file of one track."""
    with extras(f"writing {path}"):
        write_whole(path, written(piece))


def written(piece: Piece) -> bytes:
    """The bytes of that file."""
    import mido

    events = []
    for note in piece.notes:
        start, stop = round(note.start * TICKS), round((note.start + note.length) * TICKS)
        events += [(start, 1, note.pitch), (stop, 0, note.pitch)]  # release before striking again
    track = mido.MidiTrack()
    track.append(mido.MetaMessage("set_tempo", tempo=round(MINUTE / piece.tempo)))
    now = 0
    for at, struck, pitch in sorted(events):
        kind = "note_on" if struck else "note_off"
        track.append(mido.Message(kind, note=pitch, velocity=LOUDNESS * struck, time=at - now))
        now = at
    file, whole = mido.MidiFile(type=0, ticks_per_beat=TICKS), io.BytesIO()
    file.tracks.append(track)
    file.save(file=whole)
    return whole.getvalue()
