"""LaTeX as MathML: what each construct becomes, and what is refused."""

import xml.etree.ElementTree as ET

import pytest

from unrolled.cells import GRU, LSTM, Elman
from unrolled.cells.base import equation
from unrolled.errors import ArgumentError
from unrolled.report.mathml import mathml


def inside(latex: str) -> str:
    text = mathml(latex)
    ET.fromstring(text)
    return text[text.index(">") + 1 : -len("</math>")]


@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        ("h_t", "<msub><mi>h</mi><mrow><mi>t</mi></mrow></msub>"),
        ("x^2", "<msup><mi>x</mi><mrow><mn>2</mn></mrow></msup>"),
        ("12.5", "<mn>12.5</mn>"),
        (r"\frac{1}{n}", "<mfrac><mn>1</mn><mi>n</mi></mfrac>"),
        (r"\operatorname{relu}", '<mi mathvariant="normal">relu</mi>'),
        (r"\text{a < b}", "<mtext>a &lt; b</mtext>"),
        (r"\mathcal{L}", "<mi>ℒ</mi>"),
        (r"\mathbb{R}", "<mi>ℝ</mi>"),
        (r"\mathbf{1}", "<mi>𝟏</mi>"),
        (r"\sqrt{x}", "<msqrt><mi>x</mi></msqrt>"),
        (r"\hat{y}", '<mover accent="true"><mi>y</mi><mo stretchy="false">^</mo></mover>'),
        ("-", '<mo stretchy="false">−</mo>'),
        ("a < b", '<mrow><mi>a</mi><mo stretchy="false">&lt;</mo><mi>b</mi></mrow>'),
    ],
)
def test_each_construct(latex: str, expected: str) -> None:
    assert inside(latex) == expected


def test_sums_have_their_limits_above_and_below() -> None:
    assert inside(r"\sum_{t}^{T}").startswith("<munderover>")
    assert inside("U_i^2").startswith("<msubsup>")


def test_rows_and_columns_are_kept() -> None:
    drawn = inside("\\begin{aligned}\na &= b \\\\\nc &= \\left(d\\right)^{2}\n\\end{aligned}")
    assert drawn.count("<mtr>") == 2
    assert drawn.count("<mtd>") == 4


def test_cases_have_a_brace_and_a_matrix_brackets() -> None:
    assert '<mo stretchy="true">{</mo>' in inside(r"\begin{cases} a & b \\ c & d \end{cases}")
    drawn = inside(r"\begin{bmatrix} 1 & -2 \\ 3 & 4 \end{bmatrix}")
    assert '<mo stretchy="true">[</mo>' in drawn
    assert '<mo stretchy="true">]</mo>' in drawn


@pytest.mark.parametrize("cell", [Elman, GRU, LSTM])
def test_every_printed_equation_can_be_drawn(cell: type) -> None:
    for one in (equation(cell), equation(cell).backward):
        assert inside(one.latex).count("<mtr>") == len(one.statements)


@pytest.mark.parametrize(
    ("latex", "what"),
    [
        (r"\unknown x", r"the command \unknown is not supported"),
        ("{x", "it ends where '}' is missing"),
        ("x}", "'}' is not allowed here"),
        ("x_", "it ends where something is missing"),
        (r"\begin{tabular} a \end{tabular}", r"\begin{tabular} is not supported"),
        (r"\begin{cases} a \end{aligned}", r"\begin{cases} and its \end do not match"),
        (r"\begin{cases} a", r"it ends where '\\end' is missing"),
        (r"\left( x", r"it ends where '\\right' is missing"),
        (r"\left x \right)", "'x' is not a stretchable bracket"),
        (r"\text x", "plain text in braces is missing at character 5"),
    ],
)
def test_what_cannot_be_drawn_is_said(latex: str, what: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        mathml(latex)
    assert str(caught.value) == f"the equation {latex!r} cannot be drawn: {what}"


def test_markup_in_latex_is_escaped() -> None:
    assert "<script" not in mathml(r"\text{<script>}")
