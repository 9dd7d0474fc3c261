"""Synthesizes music. In: a piece. Out: samples, a WAV file; next: `unrolled compose`.

Each note is a few decaying partials; higher ones decay faster, like those of a plucked string.
"""

from __future__ import annotations

import io
import wave
from pathlib import Path
from typing import Any

import numpy as np

from unrolled.data.scores import Piece
from unrolled.files import write_whole

RATE = 22_050
PARTIALS = (1.0, 0.5, 0.3, 0.15, 0.08, 0.04)  # loudness of the tone and its overtones
FADING = 1.2  # seconds until the lowest partial has decayed to a third
ATTACK, RELEASE = 0.008, 0.12  # seconds
LOUDEST = 0.9
A4 = 69, 440.0


def synthesize(piece: Piece, rate: int = RATE) -> Any:
    """The samples of a piece, from -1 to 1."""
    quarter = 60 / piece.tempo
    total = int(np.ceil((piece.length * quarter + 1.0) * rate))
    found = np.zeros(total, np.float32)
    tones: dict[tuple[int, int], Any] = {}
    for note in piece.notes:
        count = int((note.length * quarter + RELEASE) * rate)
        shape = note.pitch, count
        if shape not in tones:
            tones[shape] = _tone(note.pitch, count, rate)
        start = int(note.start * quarter * rate)
        found[start : start + count] += tones[shape][: total - start]
    loudest = float(np.abs(found).max(initial=0.0))
    return found * (LOUDEST / loudest) if loudest else found


def _tone(pitch: int, count: int, rate: int) -> Any:
    """One note, its attack and release included."""
    time = np.arange(count) / rate
    frequency = A4[1] * 2 ** ((pitch - A4[0]) / 12)
    found = np.zeros(count)
    for number, loudness in enumerate(PARTIALS, 1):
        if number * frequency < rate / 2:  # avoid aliasing
            fading = np.exp(-time * number**0.7 / FADING)
            found += loudness * fading * np.sin(2 * np.pi * number * frequency * time)
    edges = np.minimum(time / ATTACK, (time[-1:] - time) / RELEASE if count else time)
    return (found * np.clip(edges, 0, 1)).astype(np.float32)


def write_wav(piece: Piece, path: Path) -> None:
    """A piece as a WAV file of 16 bits, one channel."""
    samples = np.round(synthesize(piece) * 32_767).astype("<i2")
    whole = io.BytesIO()
    with wave.open(whole, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    write_whole(path, whole.getvalue())
