"""The JSON of requests and responses. In: a body. Out: a validated request, or a refusal.

The classes are shown on the OpenAPI page. Types are strict: "1" is not a number, and unknown fields
are refused. Next: `answering`.
"""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from unrolled.serve.limits import Refused

MOST_SHOWN = 60  # characters of a field's name in a refusal


class Question(BaseModel):
    """Base class of request bodies."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


class Texts(Question):
    texts: list[str] = Field(min_length=1, examples=[["A film to remember."]])


class Series(Question):
    """Each series is a list of steps: a number for one channel, a list of them for several."""

    series: list[list[float | None] | list[list[float | None]]] = Field(
        min_length=1, description="null: a missing value"
    )


class Recordings(Question):
    """One channel, at the rate of training."""

    recordings: list[list[float]] = Field(min_length=1, description="samples from -1 to 1")
    rate: int = Field(description="samples per second", examples=[8000])


class Pictures(Question):
    pictures: list[str] = Field(
        min_length=1, description="PNG or JPEG files in base64", examples=[["iVBORw0KGgo="]]
    )


class NoteOf(Question):
    start: float = Field(ge=0, le=10_000, description="in quarter notes")
    pitch: int = Field(ge=21, le=108, description="MIDI number: 60 is middle C")
    length: float = Field(gt=0, le=10_000, description="in quarter notes")


class Music(Question):
    length: float | None = Field(None, gt=0, le=10_000, description="in quarter notes")
    beginning: list[NoteOf] = Field([], description="notes to continue")
    voice: list[NoteOf] = Field([], description="a melody to harmonize")
    temperature: float = Field(1.0, ge=0, le=100, description="0: always the most likely")
    seed: int = Field(0, ge=0, lt=2**32)


class PastValues(Question):
    """One series to forecast, oldest value first."""

    values: list[float | None] = Field(description="null: a missing value")
    name: str = Field("series", max_length=200)
    first: str | None = Field(
        None, description="time of the first value", examples=["2026-01-01", "2026-01-01T06:00"]
    )
    known: list[list[float]] = Field(
        [], description="covariates of each step, including the forecast"
    )
    past: list[list[float]] = Field([], description="covariates of each past step")


class Pasts(Question):
    series: list[PastValues] | None = Field(
        None, min_length=1, description="default: the training series of the run"
    )


class Prompt(Question):
    prompt: str = ""
    length: int = Field(200, ge=1, description="tokens")
    temperature: float = Field(0.8, ge=0, le=100, description="0: always the most likely")
    top_k: int | None = Field(None, ge=1, le=2**31 - 1)
    top_p: float | None = Field(None, gt=0, le=1)
    seed: int = Field(0, ge=0, lt=2**32)
    stream: bool = Field(False, description="as server-sent events, piece by piece")


class OpenForecast(Question):
    series: PastValues | None = Field(
        None, description="past values; default: the first training series of the run"
    )


class NextValue(Question):
    value: float | None = Field(description="the value of the next step; null for a gap")


class OpenText(Question):
    text: str = Field("", description="initial text of the session")


class NextText(Question):
    text: str = Field(min_length=1, max_length=100)


# ------------------------------------------------------------------------------------- responses


class Label(BaseModel):
    label: str | float
    probability: float
    probabilities: dict[str, float]


class Labels(BaseModel):
    answers: list[Label]


class LabelSet(BaseModel):
    labels: list[str | float] = Field(description="those whose probability is at least one half")
    probabilities: dict[str, float]


class LabelSets(BaseModel):
    answers: list[LabelSet]


class Number(BaseModel):
    value: float
    low: float | None = Field(None, description="lower end of the interval, if the run has one")
    high: float | None = None


class Numbers(BaseModel):
    answers: list[Number]


class Span(BaseModel):
    text: str
    kind: str
    begin: int
    end: int
    probability: float


class TaggedSentence(BaseModel):
    """`spans` if the tags mark spans, or else a tag for each of `tokens`."""

    text: str
    spans: list[Span] | None = None
    tokens: list[str] | None = None
    tags: list[str] | None = None
    probabilities: list[float] | None = None


class Tagged(BaseModel):
    answers: list[list[TaggedSentence]] = Field(description="the sentences of each text")


class Text(BaseModel):
    text: str


class TextAnswers(BaseModel):
    answers: list[Text]


class ComposedNote(BaseModel):
    start: float
    pitch: int
    length: float


class Piece(BaseModel):
    notes: list[ComposedNote]
    tempo: float = Field(description="quarter notes per minute")
    midi: str = Field(description="the same as a MIDI file in base64")


class Composed(BaseModel):
    answers: list[Piece]


class Future(BaseModel):
    """The forecast after the last value: one number for each step ahead."""

    session: str | None = Field(None, description="its name, in the response that opens it")
    name: str
    times: list[str | int]
    median: list[float]
    quantiles: dict[str, list[float]]


class Futures(BaseModel):
    answers: list[Future]


class NextToken(BaseModel):
    text: str
    probability: float


class NextTokens(BaseModel):
    session: str | None = Field(None, description="its name, in the response that opens it")
    next: list[NextToken] = Field(description="the most likely tokens, best first")


class Refusal(BaseModel):
    """The body of every response with a status of 400 or above."""

    error: str


Q = TypeVar("Q", bound=Question)


def parse(kind: type[Q], body: bytes) -> Q:
    """Parse a request body; an empty body is an empty object."""
    try:
        return kind.model_validate_json(body or b"{}")
    except ValidationError as error:
        raise refusal_of(error) from None


def refusal_of(error: ValidationError) -> Refused:
    """The first error and its position."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    said = first["msg"]
    if first["type"] == "json_invalid":
        return Refused(400, f"the body is not JSON: {said.removeprefix('Invalid JSON: ')}")
    place = "".join(
        f"[{part}]" if isinstance(part, int) else f".{part[:MOST_SHOWN]}" for part in first["loc"]
    )
    where = f" at {place.lstrip('.')!r}" if place else ""
    return Refused(422, f"the body is invalid{where}: {said[:1].lower()}{said[1:]} (see /docs)")
