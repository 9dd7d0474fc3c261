"""The exercises at the end of a lab. In: tasks with their solutions. Out: a section of the page.

A solution is a function that runs on its own, exactly as printed. It returns what the exercise asks
for, and `holds` says whether that is correct; the tests run every solution.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from unrolled.report.blocks import Block, Details, Prose, Section, code_of

Level = Literal["easy", "medium", "hard"]


@dataclass(frozen=True)
class Exercise:
    """A task, the function that solves it, and the condition that its result must meet."""

    level: Level
    task: str
    solution: Callable[[], Any]
    holds: Callable[[Any], bool]


def section(exercises: Sequence[Exercise]) -> Section:
    """Three tasks, from easy to hard, each solution one click away."""
    blocks: list[Block] = [
        Prose("From easy to hard. Each solution is a function that runs as it is printed.")
    ]
    for number, exercise in enumerate(exercises, 1):
        blocks += [
            Prose(f"**{number}. {exercise.level.capitalize()}.** {exercise.task}"),
            Details("Solution", [code_of(exercise.solution)]),
        ]
    return Section("Exercises", blocks)
