"""Prose with marks: what each becomes, and that nothing else is HTML."""

import pytest

from unrolled.report.markup import inline, literal, paragraphs
from unrolled.report.numbers import counted, number, percent


def link(key: str) -> str:
    return f"<a>{key}</a>"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a **b** c", "a <strong>b</strong> c"),
        ("a *b* c", "a <em>b</em> c"),
        ("3 * 4 * 5", "3 * 4 * 5"),
        ("`f(x) -1 <b>`", "<code>f(x) -1 &lt;b&gt;</code>"),
        ("see [@loss].", "see <a>loss</a>."),
        ("<script> & 'x'", "&lt;script&gt; &amp; 'x'"),
        ("from -1.5 to -2", "from −1.5 to −2"),
        ("a well-known 3-step way, 2024-01-02", "a well-known 3-step way, 2024-01-02"),
        ("1.2e-07 and 3e+10", "1.2\u00a0×\u00a010<sup>−7</sup> and 3\u00a0×\u00a010<sup>10</sup>"),
        ("-1.2e-07", "−1.2\u00a0×\u00a010<sup>−7</sup>"),
        ("93.4 % of it", "93.4\u00a0% of it"),
        ("**see [@loss]**", "<strong>see <a>loss</a></strong>"),
    ],
)
def test_marks(text: str, expected: str) -> None:
    assert inline(text, link) == expected


@pytest.mark.parametrize(
    "text", ["a `b` *c* **d**", "$x$ for [@key]", r"C:\data\*.csv", "1*2*3 [a](b) `", "\\`x`"]
)
def test_any_text_can_stand_as_it_is(text: str) -> None:
    assert inline(literal(text), link) == text
    assert paragraphs(f"- {literal(text)}", link) == f"<ul><li>{text}</li></ul>"


def test_equations_stand_in_the_text() -> None:
    assert inline("the $h_t$ here", link).startswith("the <math")


def test_paragraphs_and_lists() -> None:
    text = "One\nline.\n\n- a\n- b\n  goes on\n\n1. first\n2. second"
    assert paragraphs(text, link) == (
        "<p>One line.</p>\n<ul><li>a</li><li>b goes on</li></ul>\n"
        "<ol><li>first</li><li>second</li></ol>"
    )


def test_a_list_straight_after_its_sentence() -> None:
    assert paragraphs("These:\n- a\n- b", link) == "<p>These:</p>\n<ul><li>a</li><li>b</li></ul>"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0"), (12, "12"), (12345, "12,345"), (0.0, "0"), (1.23456, "1.235"),
        (123.456, "123.5"), (123456.7, "123457"), (0.00123456, "0.001235"),
        (1.23456e-7, "1.23e-07"), (-5.0, "-5.000"), (float("nan"), "not a number"),
        (float("inf"), "infinite"), (-float("inf"), "-infinite"), (True, "yes"),
    ],
)  # fmt: skip
def test_numbers(value: float, expected: str) -> None:
    assert number(value) == expected


def test_shares_and_counts() -> None:
    assert percent(0.934) == "93.4 %"
    assert (counted(1, "epoch"), counted(3, "epoch")) == ("1 epoch", "3 epochs")
    assert counted(2, "box", "boxes") == "2 boxes"
