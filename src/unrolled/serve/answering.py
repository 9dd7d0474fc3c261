"""The API of each task. In: a request, an estimator. Out: responses as JSON data.

For texts, series and prompts; `media` is for sounds, pictures and music. Next: `runs`, `app`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import numpy as np
from pydantic import BaseModel

from unrolled.data.timeseries import TimeSeries
from unrolled.errors import ArgumentError, UsageError
from unrolled.serve import questions as q
from unrolled.serve.limits import Limits, Refused
from unrolled.serve.media import Caption, Compose, Transcribe
from unrolled.serve.task import Stream, Task, ignore, within
from unrolled.tasks.classify.classifier import THRESHOLD
from unrolled.tasks.classify.regressor import NotCalibrated
from unrolled.tasks.forecast.given import as_series
from unrolled.tasks.generate.sampling import Sampling
from unrolled.tasks.tag.answers import as_plain, put_back, sentences_in

LIKELIEST = 10  # next tokens in the response of a text session


class Classify(Task):
    summary = "The class of each text"
    reply: type[BaseModel] = q.Labels

    def answer(self, model: Any, items: list[Any]) -> list[Any]:
        names, labels = [str(one) for one in model.classes_], model.classes_.tolist()
        return [
            {
                "label": labels[best],
                "probability": row[best],
                "probabilities": dict(zip(names, row, strict=True)),
            }
            for row, best in most_probable(model.probabilities(items, ignore))
        ]


class ClassifySeries(Classify):
    summary = "The class of each series"
    question = q.Series

    def items(self, question: Any, limits: Limits) -> list[Any]:
        return [_array(one) for one in within(question.series, limits, "series")]


class SeveralLabels(Classify):
    summary = "The labels of each text"
    reply = q.LabelSets

    def answer(self, model: Any, items: list[Any]) -> list[Any]:
        names, labels = [str(one) for one in model.classes_], model.classes_.tolist()
        return [
            {
                "labels": [one for one, chance in zip(labels, row) if chance >= THRESHOLD],
                "probabilities": dict(zip(names, row, strict=True)),
            }
            for row in model.probabilities(items, ignore).tolist()
        ]


class SeveralLabelsOfSeries(SeveralLabels, ClassifySeries):
    summary = "The labels of each series"


class Regress(Task):
    summary = "The number of each text"
    reply = q.Numbers

    def answer(self, model: Any, items: list[Any]) -> list[Any]:
        said = model.answers(items, ignore)[:, 0]
        try:
            ends = model.interval_of(items, said)
        except NotCalibrated:
            return [{"value": value} for value in said.tolist()]
        rows = zip(said.tolist(), ends[0].tolist(), ends[1].tolist(), strict=True)
        return [{"value": value, "low": low, "high": high} for value, low, high in rows]


class RegressSeries(Regress):
    summary = "The number of each series"
    question = q.Series

    def items(self, question: Any, limits: Limits) -> list[Any]:
        return [_array(one) for one in within(question.series, limits, "series")]


class Tag(Task):
    summary = "The tags of each sentence of each text"
    reply = q.Tagged

    def answer(self, model: Any, items: list[Any]) -> list[Any]:
        cut = [[one for line in text.splitlines() for one in sentences_in(line)] for text in items]
        every = [sentence for some in cut for sentence in some]
        said = iter(model.say([one.words for one in every]) if every else ())
        has_spans = model.scheme_ != "plain"
        return [[as_plain(one, next(said), has_spans) for one in some] for some in cut]


class Restore(Task):
    """A tagger that restores what was removed from a text."""

    summary = "Each text, restored"

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def answer(self, model: Any, items: list[Any]) -> list[Any]:
        return [
            {"text": "\n".join(put_back(model, line, self.kind) for line in text.split("\n"))}
            for text in items
        ]


class Translate(Task):
    summary = "The translation of each text"


class Forecast(Task):
    summary = "The forecast of each series"
    question, reply = q.Pasts, q.Futures
    opening, following, step = q.OpenForecast, q.NextValue, q.Future

    def items(self, question: Any, limits: Limits) -> list[Any]:
        if question.series is None:
            return [None]
        within([one.values for one in question.series], limits, "series")
        return list(question.series)

    def answer(self, model: Any, items: list[Any]) -> list[Any]:
        return [
            [
                future(said)
                for said in model.forecast(None if one is None else [series_of(model, one)])
            ]
            for one in items
        ]

    def arranged(self, answers: list[Any]) -> list[Any]:
        return [one for some in answers for one in some]

    def open(self, model: Any, question: Any, limits: Limits) -> Stream:
        past = question.series
        if past is not None:
            within([past.values], limits, "series")
        series = model.series_[0] if past is None else series_of(model, past)
        return _Forecasts(model.stream(series))


class _Forecasts:
    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def answer(self) -> dict[str, Any]:
        return future(self.stream.forecast())

    def step(self, question: q.NextValue) -> dict[str, Any]:
        return future(self.stream.step(question.value))


class Generate(Task):
    verb, summary = "generate", "A text, continued"
    question, reply = q.Prompt, q.Text
    opening, following, step = q.OpenText, q.NextText, q.NextTokens

    def pieces(self, model: Any, question: q.Prompt, limits: Limits) -> Iterator[str]:
        """The continuation, piece by piece."""
        within([question.prompt], limits, "texts")
        if question.length > limits.tokens:
            raise Refused(422, f"length must be at most {limits.tokens:,} tokens on this server")
        sampling = Sampling(question.temperature, question.top_k, question.top_p)
        pieces: Iterator[str] = model.generate(
            question.prompt, question.length, sampling, question.seed
        )
        return pieces

    def open(self, model: Any, question: Any, limits: Limits) -> Stream:
        within([question.text], limits, "texts")
        return _NextTokens(model.stream(question.text))


class _NextTokens:
    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def answer(self) -> dict[str, Any]:
        likeliest = self.stream.likeliest(LIKELIEST)
        return {"next": [{"text": text, "probability": p} for text, p in likeliest]}

    def step(self, question: q.NextText) -> dict[str, Any]:
        self.stream.step(question.text)
        return self.answer()


def task_of(model: Any, config: dict[str, Any]) -> Task:
    """The API of a run, depending on its estimator and configuration."""
    name = config["task"]
    if name in ("classify", "regress") and model.encoder_.canvas is not None:
        raise UsageError("runs on clips cannot be served: use `unrolled predict`")
    if name in ("classify", "regress") and getattr(model.encoder_, "is_timed", False):
        raise UsageError("runs on series with times cannot be served: use "
                         "`unrolled predict`")  # fmt: skip
    if name == "classify":
        if model.several:
            return SeveralLabels() if model.encoder_.is_text else SeveralLabelsOfSeries()
        return Classify() if model.encoder_.is_text else ClassifySeries()
    if name == "regress":
        return Regress() if model.encoder_.is_text else RegressSeries()
    if name == "tag":
        kind = config.get("data", {}).get("restore")
        return Restore(str(kind)) if kind else Tag()
    if name == "transcribe":
        return Transcribe(model.features_.rate)
    if name == "compose":
        return Compose(model.steps_)
    kinds: dict[str, Callable[[], Task]] = {
        "caption": Caption, "forecast": Forecast, "generate": Generate, "translate": Translate,
    }  # fmt: skip
    if name not in kinds:
        raise UsageError(f"runs of {name!r} cannot be served: use `unrolled predict`")
    return kinds[name]()


def series_of(model: Any, past: q.PastValues) -> TimeSeries:
    """A series for the forecaster, with the step of its training data."""
    learned: TimeSeries = model.series_[0]
    if not any(value is not None for value in past.values):
        raise ArgumentError("'values' contains no number: a forecast needs past values")
    values = as_series(np.array(past.values, np.float64))[0].values
    columns = {}
    for name, rows in (("known", past.known), ("past", past.past)):
        if len({len(row) for row in rows}) > 1 or 0 < len(rows) < len(values):
            raise ArgumentError(
                f"{name!r} must have a row of numbers for each step, all equally long"
            )
        columns[name] = np.array(rows, np.float64) if rows else np.zeros((len(values), 0))
    return TimeSeries(past.name, first_of(past.first, learned), learned.step, values, **columns)


def first_of(text: str | None, learned: TimeSeries) -> Any:
    """The first time of a series: a date if the run uses dates."""
    if not learned.has_dates:
        if text is not None:
            raise ArgumentError("'first' is a date, and the run uses step numbers: leave it out")
        return np.int64(0)
    if text is None:
        raise ArgumentError(f"'first' is missing: the run uses dates, {learned.step} apart")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is not None:
        raise ArgumentError("'first' must be a date such as 2026-01-31 or 2026-01-31T06:00")
    if learned.step.unit == "weekday" and not np.is_busday(moment.date()):
        raise ArgumentError("'first' is not a weekday, and the run uses weekdays")
    return np.datetime64(moment, "us")


def future(said: Any) -> dict[str, Any]:
    """A forecast as JSON."""
    quantiles = np.asarray(said.quantiles).T.tolist()
    return {
        "name": said.name,
        "times": times_of(said.times),
        "median": np.asarray(said.median).tolist(),
        "quantiles": {f"{level:g}": row for level, row in zip(said.levels, quantiles, strict=True)},
    }


def times_of(times: Any) -> list[Any]:
    """Dates in ISO 8601, steps as integers."""
    if np.issubdtype(times.dtype, np.datetime64):
        return [str(one) for one in np.datetime_as_string(times, unit="s")]
    return [int(one) for one in times]


def most_probable(chances: Any) -> Iterator[tuple[list[float], int]]:
    """Each row, and the index of its maximum."""
    yield from zip(chances.tolist(), chances.argmax(1).tolist(), strict=True)


def _array(series: list[Any]) -> Any:
    try:
        return np.array(series, np.float64)  # null becomes NaN
    except (ValueError, TypeError):
        raise Refused(422, "a series must be numbers, or lists of equal length") from None
