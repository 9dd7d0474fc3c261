"""What the equations of the library look like: text, LaTeX, the derived backward step, and of a few
the tangent.

A change shows in the file beside this one: read the difference, then run with --update-golden.
"""

import re
from pathlib import Path

import pytest

from unrolled import equation
from unrolled.cells.library import variants

CELLS = dict(variants())
WITH_TANGENT = ("elman", "gru", "lstm")
FOLDER = Path(__file__).parent / "equations"


def printed(name: str) -> str:
    derived = equation(CELLS[name])
    parts = {
        "the step": derived.text,
        "the step, LaTeX": derived.latex,
        "the backward step": derived.backward.text,
        "the backward step, LaTeX": derived.backward.latex,
    }
    if name in WITH_TANGENT:
        parts |= {"the tangent": derived.tangent.text, "the tangent, LaTeX": derived.tangent.latex}
    return "\n\n".join(f"# {title}\n\n{body}" for title, body in parts.items()) + "\n"


@pytest.mark.parametrize("name", CELLS)
def test_an_equation_prints_as_it_did(name: str, request: pytest.FixtureRequest) -> None:
    path = FOLDER / f"{name.replace(' ', '_')}.txt"
    if request.config.getoption("--update-golden"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(printed(name))
    assert printed(name) == path.read_text()


def test_no_golden_file_is_left_over() -> None:
    known = {f"{name.replace(' ', '_')}.txt" for name in CELLS}
    assert {path.name for path in FOLDER.iterdir()} == known


@pytest.mark.parametrize("name", CELLS)
def test_nothing_silly_is_printed(name: str) -> None:
    derived = equation(CELLS[name])
    for text in (derived.text, derived.backward.text, derived.tangent.text):
        for silly in ("--", "+ -", "- -", "* 1 ", "+ 0 ", "**1 ", " = 1 *", "spread("):
            assert silly not in text, f"{silly!r} in {text}"
        assert not re.search(r"\(\([^()]*\)\)", text), f"parentheses twice in {text}"
