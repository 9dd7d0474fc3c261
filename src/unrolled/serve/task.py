"""Base class of the tasks of a server. In: a request, an estimator. Out: responses as JSON data.

A `Task` converts a request to items, and a list of items (of one or several requests) to as many
results. Inputs that are too long are refused before any computation. Next: `answering`, `media`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from pydantic import BaseModel

from unrolled.serve import questions as q
from unrolled.serve.limits import Limits, Refused


class Stream(Protocol):
    """The stream of a session, which takes one step at a time."""

    def answer(self) -> dict[str, Any]: ...

    def step(self, question: Any) -> dict[str, Any]: ...


class Task:
    """Base class of tasks; one without sessions does not set `opening`."""

    verb, summary = "predict", ""
    question: type[q.Question] = q.Texts
    reply: type[BaseModel] = q.TextAnswers
    opening: type[q.Question] | None = None
    following: type[q.Question] = q.Question
    step: type[BaseModel] = q.TextAnswers  # the response of a session

    def models(self) -> list[type[BaseModel]]:
        """The models of requests and responses."""
        streams = [] if self.opening is None else [self.opening, self.following, self.step]
        return [self.question, self.reply, *streams]

    def items(self, question: Any, limits: Limits) -> list[Any]:
        """The items of a request."""
        return within(question.texts, limits, "texts")

    def answer(self, model: Any, items: list[Any]) -> list[Any]:
        """A result for each item."""
        return [{"text": text} for text in model.predict(items)]

    def arranged(self, answers: list[Any]) -> list[Any]:
        """The results of one request in the form of the response."""
        return answers

    def open(self, model: Any, question: Any, limits: Limits) -> Stream:
        """The stream of a new session."""
        raise NotImplementedError


def within(values: Sequence[Any], limits: Limits, what: str) -> list[Any]:
    """Check that there are not too many values and none is too long."""
    if len(values) > limits.items:
        raise Refused(422, f"a request may have up to {limits.items:,} {what}, not {len(values):,}")
    longest = max(map(len, values), default=0)
    if longest > limits.length:
        unit = "characters" if what == "texts" else "steps"
        raise Refused(
            422, f"one of the {what} has {longest:,} {unit}; the limit is {limits.length:,}"
        )
    return list(values)


def ignore(note: str) -> None:
    """Ignore notes: the docs describe truncation and missing values."""
