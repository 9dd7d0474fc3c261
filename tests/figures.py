"""Figures in tests: blank, but for tests that are marked `drawn`.

Drawing takes several seconds of each report, and most tests look at something else. One test of
each page draws it.
"""

from collections.abc import Sequence
from typing import Any

from unrolled.report import drawing, page
from unrolled.report.drawing import Drawing, Panel

EMPTY = '<svg viewBox="0 0 1 1"></svg>'


def blank(panels: Panel | Sequence[Panel]) -> Drawing:
    """In place of `drawing.draw`."""
    return Drawing(EMPTY, EMPTY)


def draw_figures(are_drawn: bool) -> None:
    """Whether the pages that are rendered from now on hold figures."""
    renderer: Any = page
    renderer.draw = drawing.draw if are_drawn else blank
