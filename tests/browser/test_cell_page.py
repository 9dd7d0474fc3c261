"""A cell's page in Chromium: its numbers are the cell's, and every line can be gone through."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import unrolled
from tests.browser.conftest import DESK, PHONE, Opened
from tests.tolerances import FLOAT64, assert_agrees
from unrolled import Recurrent, exp, tanh
from unrolled.cells import IRNN, LSTM
from unrolled.cells.base import Cell
from unrolled.cli import main
from unrolled.equations import interpret
from unrolled.report.cell_page import cell_page
from unrolled.report.page import render

WALK = """() => Array.from({ length: Number(document.getElementById("step").max) + 1 }, () => {
  const { textContent } = document.querySelector(".line.now code");
  document.getElementById("line-after").click();
  return textContent;
})"""
SEQUENCE = [0.5, -1.25, 2.0, 0.1]


def written(cell: Cell, path: Path) -> Path:
    path.write_text(render(cell_page(cell)))
    return path


def torch_gradients(cell: Cell, xs: Any, every: bool) -> tuple[Any, dict[str, Any]]:
    """The outputs and the derivatives of their sum, by torch's autograd in float64."""
    layer = Recurrent(cell, cell.input_size, cell.hidden_size, engine="torch").double()
    with torch.no_grad():
        for name, value in cell.weights.items():
            getattr(layer, f"{name}_l0").copy_(torch.from_numpy(value))
    y, _ = layer(torch.tensor(xs, dtype=torch.float64)[:, None])
    (y.sum() if every else y[-1].sum()).backward()
    found = {name: getattr(layer, f"{name}_l0").grad.numpy().ravel() for name in cell.weights}
    return y[:, 0].detach().numpy(), found


@pytest.mark.parametrize("every", [False, True])
def test_the_numbers_are_the_cells(tmp_path: Path, opened: Opened, every: bool) -> None:
    cell = LSTM(input_size=1, hidden_size=3, seed=0)
    page = opened(written(cell, tmp_path / "lstm.html"))
    page.fill("#text", " ".join(map(str, SEQUENCE)))
    page.select_option("#loss", "every" if every else "last")
    page.evaluate("() => document.querySelectorAll('details').forEach(one => { one.open = true; })")
    page.fill("#U_f-4", "1.5")
    cell.U_f = np.where(np.arange(9).reshape(3, 3) == 4, 1.5, cell.U_f)
    found = page.evaluate("computed()")
    outputs, gradients = torch_gradients(cell, np.array(SEQUENCE)[:, None], every)
    assert_agrees(np.array(found["outputs"]), outputs, tolerance=FLOAT64)
    for name, gradient in gradients.items():
        assert_agrees(np.array(found["gradients"][name]), gradient, tolerance=FLOAT64, name=name)


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_every_line_can_be_gone_through(tmp_path: Path, opened: Opened, width: int) -> None:
    cell = LSTM(input_size=1, hidden_size=3, seed=0)
    page = opened(written(cell, tmp_path / "lstm.html"), width)
    page.fill("#text", "0.5 -1")
    lines = page.locator("#forward code").all_text_contents()
    assert lines == unrolled.equation(cell).text.splitlines()
    seen = page.evaluate(WALK)
    backward = page.locator("#backward code").all_text_contents()
    assert seen == lines * 2 + backward * 2
    assert backward[0] == "d_h = from the loss and from the step after"
    page.fill("#step", "0")
    assert page.locator(".line.pending").count() == len(lines) - 1 + len(backward)
    page.focus("#series")
    page.keyboard.press("ArrowUp")
    assert page.input_value("#text") == "0.6 -1"
    page.fill("#text", "0.5 x")
    assert page.inner_text("#wrong") == "Step 2 is not a number."


def test_a_cell_whose_input_is_as_wide_as_its_state(tmp_path: Path, opened: Opened) -> None:
    page = opened(written(IRNN(input_size=2, hidden_size=2, seed=0), tmp_path / "irnn.html"))
    page.fill("#text", "1, 2\n3, -4\n")
    assert len(page.evaluate("computed().inputs")) == 2


class Decaying(Cell):
    """Needs the time that has passed."""

    def step(self, x, h, *, dt, mask=1.0):  # type: ignore[no-untyped-def]
        kept = exp(-(self.rate**2) * (self.D @ dt))
        return kept * h + (1 - kept) * tanh(self.W @ (mask * x) + self.U @ h)

    width = 2
    sizes = {"dt": "width", "mask": "input_size"}


def test_inputs_by_name_are_typed(tmp_path: Path, opened: Opened) -> None:
    cell = Decaying(input_size=1, hidden_size=3, seed=0)
    page = opened(written(cell, tmp_path / "own.html"), PHONE)
    page.fill("#text", " ".join(map(str, SEQUENCE)))
    page.fill("#named-dt", "1, 0.5\n2, 1\n0.25, 1")
    assert page.inner_text("#wrong") == "dt is 2 numbers for all steps, or for each of the 4."
    dt = np.array([[1.0, 0.5], [2.0, 1.0], [0.25, 1.0], [3.0, 0.0]])
    page.fill("#named-dt", "\n".join(f"{a}, {b}" for a, b in dt))
    page.fill("#named-mask", "0.5")
    assert page.inner_text("#wrong") == ""
    run = interpret.forward(
        unrolled.equation(cell), cell.weights, np.array(SEQUENCE)[:, None], None,
        {"dt": dt, "mask": np.full((4, 1), 0.5)}, input_size=1, hidden_size=3, width=2,
    )  # fmt: skip
    d_outputs = np.zeros((4, 3))
    d_outputs[-1] = 1
    expected = interpret.backward(run, d_outputs)
    found = page.evaluate("computed()")
    assert_agrees(np.array(found["outputs"]), run.outputs, tolerance=FLOAT64)
    assert_agrees(np.array(found["named"]["dt"], float), expected.named["dt"], tolerance=FLOAT64)


def test_the_command_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "mine.html"
    assert main(["cell", "indrnn", "--page", str(out)]) == 0
    assert str(out) in capsys.readouterr().out
    assert "derived backward step" in out.read_text()
