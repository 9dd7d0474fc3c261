"""The API of runs on sounds and pictures, and of music. In: a request, an estimator.

Out: responses as JSON data; next: `answering`, which finds the task of a run.
"""

from __future__ import annotations

import base64
import binascii
import time
from typing import Any

import numpy as np

from unrolled.data import midi
from unrolled.data.pictures import picture_in
from unrolled.data.scores import Note, Piece
from unrolled.errors import ArgumentError
from unrolled.serve import questions as q
from unrolled.serve.limits import Limits, Refused
from unrolled.serve.task import Task
from unrolled.tasks.compose.composer import COMPOSED

MOST_PIXELS = 16_000_000  # of an unpacked picture


class Transcribe(Task):
    summary = "The text of each recording"
    question = q.Recordings

    def __init__(self, rate: int) -> None:
        self.rate = rate

    def items(self, question: Any, limits: Limits) -> list[Any]:
        if question.rate != self.rate:
            raise Refused(
                422,
                f"this run needs a sampling rate of {self.rate:,} Hz: resample the recordings",
            )
        if any(not len(one) for one in question.recordings):
            raise Refused(422, "a recording is empty: leave it out")
        if len(question.recordings) > limits.items:
            raise Refused(422, f"a request may have at most {limits.items:,} recordings")
        return [np.asarray(one, np.float32) for one in question.recordings]


class Caption(Task):
    summary = "The text of each picture"
    question = q.Pictures

    def items(self, question: Any, limits: Limits) -> list[Any]:
        if len(question.pictures) > limits.items:
            raise Refused(422, f"a request may have at most {limits.items:,} pictures")
        return [_file_of(one, number) for number, one in enumerate(question.pictures, 1)]

    def answer(self, model: Any, items: list[Any]) -> list[Any]:
        read = [picture_in(data, "a picture", model.size, MOST_PIXELS).pixels for data in items]
        return [{"text": text} for text in model.predict(read)]


def _file_of(text: str, number: int) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Refused(
            422, f"picture {number} is not base64: send the bytes of a PNG or JPEG file in base64"
        ) from None


class Compose(Task):
    verb, summary = "compose", "A piece of music"
    question, reply = q.Music, q.Composed

    def __init__(self, steps: int) -> None:
        self.steps = steps  # in a quarter note

    def items(self, question: Any, limits: Limits) -> list[Any]:
        given = [*question.beginning, *question.voice]
        if len(given) > limits.length:
            raise Refused(422, f"a request may have at most {limits.length:,} notes")
        length = question.length or (0.0 if question.voice else COMPOSED)
        end = max([length, *(note.start + note.length for note in given)])
        if end * self.steps > limits.tokens:
            longest = limits.tokens / self.steps
            raise Refused(422, f"this server composes up to {longest:g} quarter notes, not {end:g}")
        return [(question, limits.seconds)]

    def answer(self, model: Any, items: list[Any]) -> list[Any]:
        return [_composed(model, question, seconds) for question, seconds in items]


def _composed(model: Any, question: q.Music, seconds: float) -> dict[str, Any]:
    end = time.monotonic() + seconds

    def stop_when_late(step: int) -> None:
        if time.monotonic() > end:  # the client no longer waits
            raise ArgumentError(f"the piece was not complete within {seconds:g} seconds")

    piece = model.compose(
        question.length,
        beginning=_piece_of(question.beginning),
        voice=_piece_of(question.voice),
        temperature=question.temperature,
        seed=question.seed,
        tell=stop_when_late,
    )
    notes = [{"start": n.start, "pitch": n.pitch, "length": n.length} for n in piece.notes]
    file = base64.b64encode(midi.written(piece)).decode()
    return {"notes": notes, "tempo": piece.tempo, "midi": file}


def _piece_of(notes: list[q.NoteOf]) -> Piece | None:
    if not notes:
        return None
    found = (Note(float(one.start), one.pitch, float(one.length)) for one in notes)
    return Piece("given", tuple(sorted(found)))
