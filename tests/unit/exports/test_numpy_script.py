"""A cell's NumPy script computes what the cell computes, forward and backward, and learns."""

import contextlib
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.exported import CELLS as EVERY
from tests.tolerances import FLOAT64, assert_agrees
from unrolled import Cell, modify, tanh
from unrolled.cells import LSTM
from unrolled.cells.base import equation
from unrolled.cells.modifiers import WeightDrop, Zoneout
from unrolled.cli import main
from unrolled.equations import interpret
from unrolled.equations.inputs import without_optional
from unrolled.exports.numpy_script import numpy_script


def run(script: str) -> dict[str, Any]:
    """The names that a script defines."""
    names: dict[str, Any] = {"__name__": "script"}
    exec(compile(script, "script.py", "exec"), names)  # noqa: S102, the script is what is tested
    return names


class Reading(Cell):
    """An output that is not a state, and a time that has no default."""

    output = "y"
    sizes = {"y": "readout", "dt": "1"}

    def step(self, x, h, *, dt):  # type: ignore[no-untyped-def]
        h = tanh(self.W @ x + dt * (self.U @ h) + self.b)
        return self.V @ h, h


# What opens for a twentieth of the time does not learn in so few updates.
CELLS = EVERY | {"reading": Reading, "zoneout": modify(LSTM, Zoneout(0.2), WeightDrop(0.5))}
RARELY_OPEN = {"phasedlstm"}


@pytest.mark.sweep
@pytest.mark.parametrize("name", CELLS)
def test_the_script_agrees_with_the_interpreter(name: str) -> None:
    derived = without_optional(equation(CELLS[name]))
    names = run(numpy_script(derived))
    sizes = names["SIZES"]
    generator = np.random.default_rng(3)
    weights = names["initial_weights"](sizes, generator)
    assert list(weights) == list(derived.weights)
    values = xs = generator.normal(size=(5, sizes["input_size"], 2))
    others = names["beside"](generator, 5, 2) if derived.named_inputs else ()
    if others:
        xs = (values, *others)
    start = names["first_states"](sizes, 2)
    ys, last, caches = names["forward"](weights, xs, start)
    d_ys = generator.normal(size=ys.shape)
    d_last = tuple(generator.normal(size=state.shape) for state in last)
    beside = dict(zip(derived.named_inputs, others, strict=True))
    d_weights, d_xs, d_start = names["backward"](weights, caches, d_ys, d_last)
    given = {n: w.reshape(w.shape[: len(derived.weights[n])]) for n, w in weights.items()}
    expected = interpret.forward(derived, given, values, start, beside, **sizes)
    gradients = interpret.backward(expected, d_ys, d_last)
    d_values, *d_others = d_xs if others else (d_xs,)
    pairs = [(ys, expected.outputs), (d_values, gradients.inputs)]
    pairs += zip(d_others, gradients.named.values(), strict=True)
    pairs += [*zip(last, expected.states), *zip(d_start, gradients.states)]
    pairs += [(d_weights[n].reshape(given[n].shape), gradients.weights[n]) for n in given]
    for mine, theirs in pairs:
        assert_agrees(mine, theirs, tolerance=FLOAT64, name=name)


@pytest.mark.parametrize("name", [name for name in CELLS if name not in RARELY_OPEN])
def test_the_script_checks_itself_and_learns(name: str) -> None:
    names = run(numpy_script(equation(CELLS[name]), {"hidden_size": 4}))
    with contextlib.redirect_stdout(io.StringIO()):
        assert names["check_gradients"](time=2, batch=1) < 1e-6
        losses = names["train"](updates=60, time=10, batch=8, rate=0.02)
    assert np.isfinite(losses).all()
    assert np.mean(losses[-5:]) < np.mean(losses[:5])


def test_the_check_of_a_script_can_fail() -> None:
    script = numpy_script(equation(CELLS["elman"]))
    wrong = script.replace("(1 - h**2)", "(1 + h**2)")
    assert wrong != script
    with contextlib.redirect_stdout(io.StringIO()):
        assert run(wrong)["check_gradients"]() > 0.01


def test_the_command_prints_a_script_that_runs_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mycell.py").write_text(
        "from unrolled import Cell, tanh\n\n"
        "class Leaky(Cell):\n    leak = 0.5\n\n    def step(self, x, h):\n"
        "        return (1 - self.leak) * h + self.leak * tanh(self.W @ x + self.U @ h + self.b)\n"
    )
    assert main(["cell", f"{tmp_path / 'mycell.py'}:Leaky", "--numpy", "--set", "leak=0.25"]) == 0
    script = capsys.readouterr().out
    assert "leak = 0.25" in script
    (tmp_path / "script.py").write_text(
        "import sys\nsys.modules['unrolled'] = None  # an import of it would fail\n" + script
    )
    done = subprocess.run(
        [sys.executable, "-I", "script.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "the gradients are right" in done.stdout
    assert "update 300: loss" in done.stdout
