"""Series whose rows have times. In: arrays (T, channels + 1), the last column is the time. Out: the
inputs of a network: scaled channels and the time since the previous row, and, for cells with a
mask, which numbers were observed and how long ago they were last observed; next: `reader`.

Times are divided by the median time between rows of the training series. A missing number is
replaced by the last value before it, or by its channel's mean at the beginning.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from unrolled.errors import InputError
from unrolled.literal import because
from unrolled.networks.timed import FORMS
from unrolled.report.numbers import counted
from unrolled.tasks.classify.encoders import (
    AnyEncoder,
    ClipEncoder,
    Note,
    SeriesEncoder,
    encoder_from,
)
from unrolled.tasks.ragged import Ragged
from unrolled.tasks.tokens import DamagedVocabulary

MASKED = FORMS[0]


class TimedEncoder(SeriesEncoder):
    """`usual` is the time between rows that becomes 1; `names` are the named inputs of the cell."""

    is_timed = True

    def __init__(self, mean: Any, deviation: Any, usual: float, names: Sequence[str]) -> None:
        super().__init__(mean, deviation)
        self.usual, self.names = float(usual), tuple(names)
        if not self.usual > 0 or self.names not in FORMS:
            raise ValueError("the scale of times must be above 0, and the cell must use them")

    @classmethod
    def fit_times(cls, series: Sequence[Any], names: Sequence[str]) -> TimedEncoder:
        if series[0].shape[1] < 2:
            raise InputError("a series with times needs a channel, and the time as last column")
        plain = SeriesEncoder.fit([one[:, :-1] for one in series])
        gaps = np.concatenate([_since(one) for one in series])
        passed = gaps[gaps > 0]
        usual = float(np.median(passed)) if len(passed) else 1.0
        return cls(plain.mean, plain.deviation, usual, names)

    @property
    def channels(self) -> int:
        """The inputs of the cell at a step: the channels, and the time since the previous row."""
        return len(self.mean) + 1

    @property
    def inputs(self) -> int:
        return self.channels * (3 if self.names == MASKED else 1)

    def encode(self, series: Sequence[Any], note: Note) -> Ragged:
        found = [self._one(number, one) for number, one in enumerate(series, 1)]
        lost = sum(int((~np.isfinite(one[:, :-1])).sum()) for one in series)
        if lost:
            total = sum(one[:, :-1].size for one in series)
            how = "the cell has a mask" if self.names == MASKED else "the value before is used"
            note(f"{lost:,} of {total:,} values were missing: {how}")
        return Ragged.of(found, np.float32)

    def _one(self, number: int, one: Any) -> Any:
        if one.shape[1] != self.channels:
            raise InputError(
                f"series {number} has {one.shape[1]} columns, but this run was trained on "
                f"{self.channels - 1} channels and the time: name its column with --times"
            )
        values = (one[:, :-1] - self.mean) / self.deviation
        seen = np.isfinite(values)
        gaps = _since(one, number)
        passed = np.concatenate([[1.0], gaps / self.usual])
        columns = np.column_stack([_held(np.where(seen, values, np.nan)), passed])
        if self.names != MASKED:
            return columns
        mask = np.column_stack([seen, np.ones(len(one))])
        return np.column_stack([columns, mask, _ago(mask, passed)])

    def steps(self, series: Any) -> list[str]:
        return [f"{time:.6g}" for time in series[:, -1]]

    def shown(self, series: Any) -> Any:
        return series[:, :-1]

    def describe(self, series: Any) -> str:
        return f"{counted(len(series), 'step')}, {counted(series.shape[1] - 1, 'channel')}"

    def as_dict(self) -> dict[str, Any]:
        return {**super().as_dict(), "input": "timed series", "usual": self.usual,
                "names": list(self.names)}  # fmt: skip


def refuse_times(timed: bool, inputs: Sequence[Any]) -> None:
    """Refuse times for texts and clips."""
    if timed and (isinstance(inputs[0], str) or inputs[0].ndim != 2):
        raise InputError("times are for numeric series, and this is not one: leave --times out")


def encoder_of_numbers(inputs: Sequence[Any], names: Sequence[str]) -> AnyEncoder:
    """The encoder of series (steps, channels), of clips (frames, height, width, 1 or 3), or of
    series with times, if the cell uses these by `names`."""
    if inputs[0].ndim != 2:
        return ClipEncoder.fit(inputs)
    return TimedEncoder.fit_times(inputs, names) if names else SeriesEncoder.fit(inputs)


def encoder_of_run(data: Any) -> AnyEncoder:
    """The stored encoder of a run."""
    if not isinstance(data, dict) or data.get("input") != "timed series":
        return encoder_from(data)
    try:
        return TimedEncoder(data["mean"], data["deviation"], data["usual"], data["names"])
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedVocabulary(
            f"the run's vocabulary is damaged ({because(error)}): copy the run again"
        ) from error


def _since(one: Any, number: int | None = None) -> Any:
    """The times between the rows of a series."""
    gaps = np.diff(one[:, -1])
    if not np.isfinite(one[:, -1]).all() or (gaps < 0).any():
        raise InputError(
            f"the times of {'a series' if number is None else f'series {number}'}, in its last "
            "column, decrease or are missing: sort the rows by time"
        )
    return gaps


def _held(values: Any) -> Any:
    """Replace missing numbers by the last value before them, or by 0, the mean."""
    seen = ~np.isnan(values)
    last = np.maximum.accumulate(np.where(seen, np.arange(len(values))[:, None], -1), 0)
    found = np.take_along_axis(values, np.maximum(last, 0), 0)
    return np.where(last < 0, 0.0, found)


def _ago(mask: Any, passed: Any) -> Any:
    """The time since each number was last observed, at each row (Che et al. 2018)."""
    delta = np.zeros_like(mask)
    for t in range(1, len(mask)):
        delta[t] = passed[t] + np.where(mask[t - 1] > 0, 0.0, delta[t - 1])
    return delta
