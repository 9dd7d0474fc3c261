"""What every task of a server has. In: a question, an estimator. Out: answers that JSON can hold.

A `Task` turns a question into items, and a list of items (of one request or of several) into as
many answers. What is too long is refused before anything is computed. Next: `answering`, `media`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from pydantic import BaseModel

from unrolled.serve import questions as q
from unrolled.serve.limits import Limits, Refused


class Stream(Protocol):
    """What a session holds: it takes one step at a time."""

    def answer(self) -> dict[str, Any]: ...

    def step(self, question: Any) -> dict[str, Any]: ...


class Task:
    """What all tasks have; one that has no sessions leaves `opening` as it is."""

    verb, summary = "predict", ""
    question: type[q.Question] = q.Texts
    reply: type[BaseModel] = q.TextAnswers
    opening: type[q.Question] | None = None
    following: type[q.Question] = q.Question
    step: type[BaseModel] = q.TextAnswers  # what a session answers

    def models(self) -> list[type[BaseModel]]:
        """All that is sent and comes back."""
        streams = [] if self.opening is None else [self.opening, self.following, self.step]
        return [self.question, self.reply, *streams]

    def items(self, question: Any, limits: Limits) -> list[Any]:
        """What is to be answered, one by one."""
        return within(question.texts, limits, "texts")

    def answer(self, model: Any, items: list[Any]) -> list[Any]:
        """As many answers as items."""
        return [{"text": text} for text in model.predict(items)]

    def arranged(self, answers: list[Any]) -> list[Any]:
        """The answers of one request as they are sent."""
        return answers

    def open(self, model: Any, question: Any, limits: Limits) -> Stream:
        """A session's stream."""
        raise NotImplementedError


def within(values: Sequence[Any], limits: Limits, what: str) -> list[Any]:
    """The values, if there are not too many and none is too long."""
    if len(values) > limits.items:
        raise Refused(422, f"a request holds at most {limits.items:,} {what}, not {len(values):,}")
    longest = max(map(len, values), default=0)
    if longest > limits.length:
        unit = "characters" if what == "texts" else "steps"
        raise Refused(
            422, f"one of the {what} has {longest:,} {unit}; this server reads {limits.length:,}"
        )
    return list(values)


def ignore(note: str) -> None:
    """What is done to the data is told in the docs: cut texts, missing values at their mean."""
