"""Encodes the inputs of a classifier, in training and in prediction. In: texts, series, clips.

Out: sequences of numbers. An encoder is fitted only on the training rows and stored in the run.
Next: `job`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from unrolled.data.canvas import Canvas, as_clip
from unrolled.data.clips import SIDE
from unrolled.data.numbers import scaling
from unrolled.errors import InputError
from unrolled.literal import because
from unrolled.report.numbers import counted
from unrolled.tasks.ragged import Ragged
from unrolled.tasks.tokens import DamagedVocabulary, Tokens

Note = Callable[[str], None]
LONGEST = 2_000  # default maximum tokens of a text


class TextEncoder:
    """Encodes texts with a vocabulary."""

    is_text, is_series = True, False
    canvas: Canvas | None = None

    def __init__(self, tokens: Tokens, longest: int = LONGEST) -> None:
        self.tokens, self.longest = tokens, longest

    @classmethod
    def fit(cls, texts: Sequence[str], kind: str, most: int, longest: int = LONGEST) -> TextEncoder:
        return cls(Tokens.fit(kind, texts, most), longest)

    @property
    def inputs(self) -> int:
        return len(self.tokens)

    def encode(self, texts: Sequence[str], note: Note) -> Ragged:
        numbers, lengths = self.tokens.encode_all(texts)
        cut = int((lengths > self.longest).sum())
        if cut:
            note(f"{cut:,} of {len(texts):,} texts were truncated to {self.longest:,} tokens")
            step = np.arange(len(numbers)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
            numbers, lengths = numbers[step < self.longest], np.minimum(lengths, self.longest)
        return Ragged(numbers, np.concatenate([[0], np.cumsum(lengths)]))

    def beginnings(self, texts: Sequence[str]) -> list[str]:
        """The beginning of each text, up to the maximum length."""
        return [self.tokens.beginning(text, self.longest) for text in texts]

    def shown(self, text: str) -> None:
        """None: a page shows a text as text."""

    def describe(self, text: str) -> str:
        return text

    def steps(self, text: str) -> list[str]:
        """The names of the time steps, for figures."""
        return [self.tokens.show(number) for number in self.tokens.encode(text)[: self.longest]]

    def as_dict(self) -> dict[str, Any]:
        return {"input": "text", "longest": self.longest, **self.tokens.as_dict()}


class SeriesEncoder:
    """Encodes series whose channels are standardized on the training rows."""

    is_text, is_series = False, True
    is_timed = False
    canvas: Canvas | None = None

    def __init__(self, mean: Any, deviation: Any) -> None:
        self.mean = np.asarray(mean, np.float64)
        self.deviation = np.asarray(deviation, np.float64)

    @classmethod
    def fit(cls, series: Sequence[Any]) -> SeriesEncoder:
        values = np.concatenate(series)
        finite = np.isfinite(values)
        values = np.where(finite, values, np.nan)
        empty = np.flatnonzero(~finite.any(0))
        if len(empty):
            raise InputError(f"channel {empty[0] + 1} contains no number: leave it out")
        deviation = np.nanstd(values, 0)
        return cls(np.nanmean(values, 0), np.where(deviation > 0, deviation, 1.0))

    @property
    def inputs(self) -> int:
        return len(self.mean)

    def encode(self, series: Sequence[Any], note: Note) -> Ragged:
        missing = 0
        scaled = []
        for number, one in enumerate(series):
            if one.shape[1] != self.inputs:
                raise InputError(
                    f"series {number + 1} has {one.shape[1]} channels, not {self.inputs}"
                )
            values = (one - self.mean) / self.deviation
            lost = ~np.isfinite(values)
            missing += int(lost.sum())
            scaled.append(np.where(lost, 0.0, values))
        if missing:
            total = sum(one.size for one in scaled)
            note(f"{missing:,} of {total:,} values were missing: the mean of their channel is used")
        return Ragged.of(scaled, np.float32)

    def steps(self, series: Any) -> list[str]:
        return [str(step + 1) for step in range(len(series))]

    def shown(self, series: Any) -> Any:
        """The values that a page draws."""
        return series

    def describe(self, series: Any) -> str:
        return f"{counted(len(series), 'step')}, {counted(series.shape[1], 'channel')}"

    def as_dict(self) -> dict[str, Any]:
        return {
            "input": "series", "mean": self.mean.tolist(), "deviation": self.deviation.tolist()
        }  # fmt: skip


class ClipEncoder:
    """Encodes clips: each frame, on one canvas, is a step with its pixels as values."""

    is_text, is_series = False, False

    def __init__(self, canvas: Canvas) -> None:
        self.canvas = canvas

    @classmethod
    def fit(cls, clips: Sequence[Any]) -> ClipEncoder:
        return cls(Canvas.fit([clip[0] for clip in clips], SIDE))

    @property
    def inputs(self) -> int:
        return self.canvas.values

    def encode(self, clips: Sequence[Any], note: Note) -> Ragged:
        return Ragged.of([self.shown(one).reshape(len(one), -1) for one in clips], np.uint8)

    def steps(self, clip: Any) -> list[str]:
        return [str(step + 1) for step in range(len(clip))]

    def shown(self, clip: Any) -> Any:
        """(frames, height, width, 1 or 3), as the network sees them."""
        if clip.ndim != 4:
            raise InputError(
                f"a sequence has the shape {clip.shape}, but this run reads clips: (frames, "
                "height, width), or (frames, height, width, 3)"
            )
        return np.stack([self.canvas(frame) for frame in clip])

    def describe(self, clip: Any) -> str:
        return f"{counted(len(clip), 'frame')}, {self.canvas}"

    def as_dict(self) -> dict[str, Any]:
        return {"input": "clips", **self.canvas.as_dict()}


Encoder = TextEncoder | SeriesEncoder
AnyEncoder = Encoder | ClipEncoder


def without_clips(encoder: AnyEncoder) -> Encoder:
    """The encoder of an exportable run; raises an error for clips and for series with times."""
    if isinstance(encoder, ClipEncoder):
        raise InputError(
            "this run reads clips, which can only be read in Python: use `unrolled predict`"
        )
    if isinstance(encoder, SeriesEncoder) and encoder.is_timed:
        raise InputError(
            "this run reads series with times, which can only be read in Python: use "
            "`unrolled predict`"
        )
    return encoder


def encoder_from(data: Any) -> AnyEncoder:
    """The stored encoder of a run."""
    try:
        if data["input"] == "text":
            return TextEncoder(Tokens.from_dict(data), int(data["longest"]))
        if data["input"] == "clips":
            return ClipEncoder(Canvas(data["height"], data["width"], data["channels"]))
        return SeriesEncoder(*scaling(data["mean"], data["deviation"]))
    except (KeyError, TypeError, ValueError, InputError) as error:
        raise DamagedVocabulary(
            f"the run's vocabulary is damaged ({because(error)}): copy the run again"
        ) from error


def as_inputs(X: Any) -> list[Any]:
    """Texts as a list of str, series as a list of (T, channels), clips as (T, height, width[, 3]);
    raises InputError for anything else."""
    if isinstance(X, str):
        raise InputError("X must be a list of texts: for one text write [text]")
    if hasattr(X, "tocsr"):
        raise InputError("X is sparse, and sequences must be dense: give X.toarray()")
    values = list(rows_of(X))
    if not values:
        raise InputError("X is empty: it must contain sequences")
    if all(isinstance(one, str) for one in values):
        return values
    if any(isinstance(one, str) for one in values):
        wrong = next(number for number, one in enumerate(values) if not isinstance(one, str))
        raise InputError(f"X mixes texts with {type(values[wrong]).__name__} (row {wrong + 1})")
    if np.ndim(values[0]) >= 3:
        return [as_clip(one, f"row {number} of X") for number, one in enumerate(values, 1)]
    series = [_as_series(number, one) for number, one in enumerate(values)]
    channels = series[0].shape[1]
    other = next((n for n, one in enumerate(series) if one.shape[1] != channels), None)
    if other is not None:
        raise InputError(
            f"row {other + 1} of X has {series[other].shape[1]} channels and row 1 has {channels}: "
            "all series must have the same channels"
        )
    return series


def rows_of(X: Any) -> Any:
    """The rows of a pandas or polars frame: the values of a single column, or arrays."""
    if not hasattr(X, "columns") or not hasattr(X, "to_numpy"):
        return X  # a list, an array, or a single column
    if len(X.columns) == 1:
        return X[X.columns[0]]
    return X.to_numpy()


def _as_series(number: int, one: Any) -> Any:
    if np.iscomplexobj(one):
        raise InputError(
            f"row {number + 1} of X is complex. Complex data not supported: give their real and "
            "imaginary parts as two channels"
        )
    try:
        array = np.asarray(one, np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"row {number + 1} of X is neither text nor numbers: {error}") from error
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or array.size == 0:
        raise InputError(
            f"row {number + 1} of X has shape {array.shape}: a series must be (steps, channels)"
        )
    return array
