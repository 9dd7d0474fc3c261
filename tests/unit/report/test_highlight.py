"""Code in colour loses no character, whatever it is."""

import html
import re

import pytest

from unrolled.report.highlight import highlight

SOURCE = 'def f(x):  # <why>\n    """Doc."""\n    return x + 1.5 if x > 2 else f"{x} a"\n'


@pytest.mark.parametrize("text", [SOURCE, "x = (", "$ unrolled lab <NAME>", "", "é = 'ü' # ö"])
def test_nothing_is_lost(text: str) -> None:
    assert html.unescape(re.sub("<[^>]+>", "", highlight(text))) == text


def test_kinds_are_marked() -> None:
    drawn = highlight(SOURCE)
    for part in (
        '<span class="keyword">def</span>',
        '<span class="comment"># &lt;why&gt;</span>',
        '<span class="number">1.5</span>',
        '<span class="string">"""Doc."""</span>',
    ):
        assert part in drawn


def test_other_languages_stay_plain() -> None:
    assert highlight("for <x>", "shell") == "for &lt;x&gt;"
