"""`unrolled cells`, `cell` and `check`: what they print, and their exit status."""

from pathlib import Path

import pytest

from unrolled import Equation, equation
from unrolled.cells import LSTM, Elman
from unrolled.cells.library import library
from unrolled.cli import main

MINE = '''\
from unrolled import Cell, tanh


class Mine(Cell):
    """My own (2025)."""

    def step(self, x, h):
        return tanh(self.W @ x + self.U @ h)


class Broken(Cell):
    def step(self, x, h):
        return tanh(x @ self.W)
'''


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    return path


def test_cells_lists_each_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cells"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(library())
    lstm = next(line for line in lines if line.startswith("lstm "))
    assert lstm.split()[:5] == ["lstm", "1997", "h", "c", "33,024"]


def test_cell_shows_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cell", "lstm"]) == 0
    out = capsys.readouterr().out
    derived = equation(LSTM)
    for part in (derived.text, derived.latex, derived.backward.text, derived.backward.latex):
        assert part in out
    assert "33,024 weights" in out
    assert "hidden_size x input_size: W_i, W_f, W_g, W_o" in out


def test_cell_shows_one_part(capsys: pytest.CaptureFixture[str]) -> None:
    derived = equation(LSTM)
    for options, expected in {
        ("--latex",): derived.latex,
        ("--backward",): derived.backward.text,
        ("--backward", "--latex"): derived.backward.latex,
    }.items():
        assert main(["cell", "lstm", *options]) == 0
        assert capsys.readouterr().out == expected + "\n"
    assert main(["cell", "lstm", "--json"]) == 0
    assert Equation.from_json(capsys.readouterr().out) == derived


def test_cell_takes_hyper_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cell", "elman", "--set", "nonlinearity=relu", "--backward"]) == 0
    out = capsys.readouterr().out
    assert out == equation(Elman(nonlinearity="relu")).backward.text + "\n"
    assert main(["cell", "recurrenthighway", "--set", "depth=1", "--json"]) == 0


def test_cell_of_a_file(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cell", f"{mine}:Mine"]) == 0
    assert capsys.readouterr().out.startswith("Mine: My own (2025).\n")


def test_check_prints_the_table(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", f"{mine}:Mine"]) == 0
    out = capsys.readouterr().out
    assert "all agree within 1e-06" in out
    assert "initial state" in out


def test_check_of_several_prints_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "elman", "mingru"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:3]] == ["elman", "mingru"]
    assert lines[-1].startswith("2 of 2 agree")


@pytest.mark.exhaustive
def test_check_all_checks_all(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from unrolled.cells import library as module

    monkeypatch.setattr(module, "library", lambda: {"elman": Elman})
    assert main(["check", "--all"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("4 of 4 agree")


@pytest.mark.parametrize("several", [False, True])
def test_a_wrong_gradient_is_status_1(
    several: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    derived = equation(Elman)
    wrong = [(n, node if n != "d_U" else -node) for n, node in derived.backward.statements]
    monkeypatch.setitem(derived.backward.__dict__, "locals", dict(wrong))
    assert main(["check", "elman", *(["mingru"] if several else [])]) == 1
    out, err = capsys.readouterr()
    assert "wrong" in out
    assert "the derived gradient of Elman with respect to weight U is wrong" in err


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["cell", "lstn"], "no cell 'lstn'; did you mean 'lstm'?"),
        (["check", "lstn"], "no cell 'lstn'; did you mean 'lstm'?"),
        (["check"], "check takes either the names of cells or --all"),
        (["check", "--all", "lstm"], "the names of cells or --all"),
        (["check", "--all", "--set", "a=1"], "--set goes with the name of a cell"),
        (["cell", "elman", "--set", "relu"], "--set takes NAME=VALUE"),
        (["cell", "elman", "--set", "nonlinearit=relu"], "did you mean 'nonlinearity'?"),
        (["cell", "elman", "--set", "nonlinearity=rely"], "no nonlinearity 'rely'"),
        (["cell", "nowhere.py:Mine"], "no such file: nowhere.py"),
    ],
)
def test_a_mistake_is_one_sentence(
    words: list[str], answer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert answer in err
    assert err.count("\n") == 1


def test_a_mistake_in_a_step_names_file_and_line(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", f"{mine}:Broken"]) == 2
    err = capsys.readouterr().err
    assert "write self.W @ x, not x @ self.W" in err
    assert f"{mine}, line 13: `return tanh(x @ self.W)`" in err
