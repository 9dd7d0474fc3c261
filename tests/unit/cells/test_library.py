"""Cells are found by name, and in files of one's own; a mistake is answered by the nearest."""

from pathlib import Path

import pytest

from unrolled import CellError, cells
from unrolled.cells.library import find_cell, library, summary, variants, year

MINE = '''\
from unrolled import Cell, tanh
from unrolled.cells import LSTM


class Mine(Cell):
    """One's own (2024)."""

    def step(self, x, h):
        return tanh(self.W @ x + self.U @ h)
'''


def test_the_library_is_whole_and_in_order() -> None:
    assert {cell.__name__ for cell in library().values()} == set(cells.__all__)
    years = [year(cell) for cell in library().values()]
    assert years == sorted(years)


def test_variants_hold_every_nonlinearity_of_elman() -> None:
    names = [name for name, _ in variants()]
    assert [n for n in names if n.startswith("elman")] == [
        "elman", "elman relu", "elman sigmoid", "elman identity",
    ]  # fmt: skip
    assert len(names) == len(library()) + 3


@pytest.mark.parametrize("word", ["lstm", "LSTM", "Lstm"])
def test_case_does_not_matter(word: str) -> None:
    assert find_cell(word) is cells.LSTM


@pytest.mark.parametrize("word", ["peepholelstm", "peephole-lstm", "Peephole_LSTM"])
def test_separators_do_not_matter(word: str) -> None:
    assert find_cell(word) is cells.PeepholeLSTM


@pytest.mark.parametrize("word", ["rnn", "RNN", "SimpleRNN"])
def test_other_libraries_names_of_the_elman_network(word: str) -> None:
    assert find_cell(word) is cells.Elman


def test_a_typo_is_answered_by_the_nearest() -> None:
    with pytest.raises(CellError, match=r"no cell 'lstn'; did you mean 'lstm'\?"):
        find_cell("lstn")
    with pytest.raises(CellError, match="there are: jordan, elman, lstm"):
        find_cell("0")


def test_a_cell_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "my cell.py"
    path.write_text(MINE)
    cell = find_cell(f"{path}:Mine")
    assert cell.__name__ == "Mine"
    assert (summary(cell), year(cell)) == ("One's own (2024).", "2024")
    assert find_cell(str(path)).__name__ == "Mine", "the only one that is not imported"


def test_a_cell_that_a_file_imports_can_be_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("from unrolled.cells import GRU\n" + MINE)
    assert find_cell(f"{path}:GRU") is cells.GRU


def test_a_file_may_import_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "neighbour_of_a_cell.py").write_text("from unrolled import sin as wave\n")
    path = tmp_path / "mine.py"
    path.write_text("from neighbour_of_a_cell import wave\n" + MINE)
    assert find_cell(f"{path}:Mine").__name__ == "Mine"


@pytest.mark.parametrize(
    ("text", "word", "answer"),
    [
        (None, "mine.py:Mine", "no such file: .*mine.py"),
        (None, "others.py:Mine", r"did you mean .*other.py\?"),
        (MINE, "mine.py:Min", r"mine.py defines no cell 'Min'; did you mean 'Mine'\?"),
        (MINE, "mine.py:GRU", "there are: .*mine.py:Mine"),
        ("x = 1\n", "mine.py", "defines no cell: a cell is a class"),
        ("def f(:\n    pass\n", "mine.py", r"mine.py, line 1: invalid syntax: `def f\(:`"),
        ("import nothing_here\n", "mine.py", "ModuleNotFoundError: .*mine.py, line 1"),
        ("\n\n1 / 0\n", "mine.py", "ZeroDivisionError: .*mine.py, line 3"),
        ("raise SystemExit(3)\n", "mine.py", "SystemExit: 3"),
        (MINE + MINE.replace("Mine", "Other"), "mine.py", "several cells; name one: .*:Mine"),
    ],
)
def test_a_mistake_in_a_file(tmp_path: Path, text: str | None, word: str, answer: str) -> None:
    (tmp_path / "other.py").write_text("")
    if text is not None:
        (tmp_path / "mine.py").write_text(text)
    with pytest.raises(CellError, match=answer):
        find_cell(str(tmp_path / word))
