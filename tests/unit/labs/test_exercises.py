"""Every exercise of every lab: its solution runs, and its result meets the condition."""

import ast
import inspect
import textwrap

import pytest

from unrolled import labs
from unrolled.labs.exercises import Exercise, section
from unrolled.report.blocks import Page
from unrolled.report.page import render

ALL = [
    pytest.param(exercise, id=f"{name}-{exercise.level}")
    for name in labs.names()
    for exercise in labs.find(name).exercises
]


@pytest.mark.parametrize("exercise", ALL)
def test_the_solution_solves_it(exercise: Exercise) -> None:
    assert exercise.holds(exercise.solution())


@pytest.mark.parametrize("exercise", ALL)
def test_the_solution_runs_as_it_is_printed(exercise: Exercise) -> None:
    source = textwrap.dedent(inspect.getsource(exercise.solution))
    function = ast.parse(source).body[0]
    assert isinstance(function, ast.FunctionDef)
    free = inspect.getclosurevars(exercise.solution)
    assert not free.globals, f"it needs {sorted(free.globals)} from elsewhere"
    assert not free.nonlocals


@pytest.mark.parametrize("name", labs.names())
def test_each_lab_has_three_from_easy_to_hard(name: str) -> None:
    assert [one.level for one in labs.find(name).exercises] == ["easy", "medium", "hard"]


def test_a_solution_is_one_click_away() -> None:
    text = render(Page("A lab", "", [section(labs.find("bptt").exercises)]))
    assert text.count("<details><summary>Solution</summary>") == 3
    assert "<strong>3. Hard.</strong>" in text
