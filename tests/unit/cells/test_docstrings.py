"""Each cell of the library says what it is, from when, and its equation as unrolled prints it."""

import inspect

import pytest

from unrolled import Cell, equation
from unrolled.cells import library

CELLS = library.library()


@pytest.mark.parametrize("name", CELLS)
def test_the_docstring_holds_the_equation_as_printed(name: str) -> None:
    cell = CELLS[name]
    paragraphs = inspect.cleandoc(vars(cell)["__doc__"]).split("\n\n")
    assert paragraphs[1] == equation(cell).text


@pytest.mark.parametrize("name", CELLS)
def test_it_has_a_summary_and_a_year(name: str) -> None:
    cell: type[Cell] = CELLS[name]
    assert 1980 <= int(library.year(cell)) <= 2026
    assert library.summary(cell).endswith(".")


@pytest.mark.parametrize("name", CELLS)
def test_its_file_is_short(name: str) -> None:
    lines = inspect.getsource(inspect.getmodule(CELLS[name]))  # type: ignore[arg-type]
    assert lines.count("\n") <= 60
