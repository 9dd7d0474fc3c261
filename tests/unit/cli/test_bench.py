"""`unrolled bench`: what it takes, what it refuses, and what its exit status means."""

import json
from pathlib import Path

import pytest

from unrolled import cli
from unrolled.bench import machine, suites
from unrolled.bench.contest import Settings
from unrolled.bench.contestant import OURS
from unrolled.bench.problem import SHAPES, Shape
from unrolled.bench.record import Record
from unrolled.cli import bench
from unrolled.errors import UsageError

RECORD = Record("training", "GRU", SHAPES[0], samples={OURS: [1.0], "torch.nn": [2.0]})
BROKEN = Record("training", "LSTM", SHAPES[0], disagreement="y of unrolled differs")


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[Record | BaseException]:
    """What the suite "training" is made to find."""
    found: list[Record | BaseException] = []

    def measure(settings: Settings):  # type: ignore[no-untyped-def]
        for one in found:
            if isinstance(one, BaseException):
                raise one
            yield one

    monkeypatch.setattr(suites, "measurement", lambda name: measure)
    monkeypatch.setattr(machine, "restrict", lambda threads: f"{threads}")
    return found


def run(*words: str) -> int:
    return cli.main(["bench", "--only", "training", *words])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--only trainig", "no suite or cell 'trainig'; did you mean 'training'?"),
        ("--only LSTN", "no suite or cell 'LSTN'; did you mean 'LSTM'?"),
        ("--shapes 1,2,3", "--shapes has '1,2,3': a shape is four whole numbers"),
        ("--rounds 0", "--rounds must be an integer of at least 1, not 0"),
        ("--threads 0", "--threads must be an integer from 1 to"),
        ("--rows 5", "--data and --rows choose the training data of jobs: add --only jobs"),
        ("--only jobs --rows 1", "--rows must be an integer of at least 2, not 1"),
        ("--torch-compile -1", "--torch-compile must be a number of seconds above 0, not -1"),
        ("--round 3", "no option '--round'; did you mean '--rounds'?"),
    ],
)
def test_mistakes_are_taught(words: str, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", *words.split()]) == 2
    assert sentence in capsys.readouterr().err


def test_bfloat16_is_a_suite_of_its_own() -> None:
    assert bench.only_bfloat16(["training", "stream"], []) == ["bfloat16"]
    assert bench.only_bfloat16(["bfloat16"], ["bfloat16", "LSTM"]) == ["bfloat16"]
    with pytest.raises(UsageError, match="is a suite of its own, so --only cannot name stream"):
        bench.only_bfloat16(["stream"], ["stream,LSTM"])


def test_suites_and_cells_are_told_apart() -> None:
    asked = ("exports", "torch", "bfloat16", "modifiers", "jobs", "torch-compile")
    default = [name for name in suites.SUITES if name not in asked]
    assert bench.chosen([], False) == (default, None)
    assert bench.chosen(["stream,rate", "GRU"], False) == (["stream", "rate"], ("GRU",))
    assert bench.chosen(["GRU"], True) == ([*default, "torch-compile"], ("GRU",))


def test_shapes_replace_the_eight() -> None:
    parsed = cli.parse(cli.parser_of("bench"), ["--shapes", "1,2,3,4", "B5,T6,I7,H8"])
    settings = bench.settings_of(parsed, None)
    assert settings.shapes == (Shape(1, 2, 3, 4), Shape(5, 6, 7, 8))
    assert settings.rounds == 7


def test_jobs_are_measured_on_chosen_data() -> None:
    words = ["--only", "stream,jobs", "--data", "languages", "mine.csv", "--rows", "500"]
    settings = bench.settings_of(cli.parse(cli.parser_of("bench"), words), None)
    assert (settings.data, settings.rows) == (("languages", "mine.csv"), 500)


@pytest.mark.usefixtures("measured")
def test_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(suites.SUITES)


def test_slow_is_no_failure(
    measured: list[Record | BaseException], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    measured += [RECORD]
    assert run("--out", str(tmp_path)) == 0
    assert "short of it" in capsys.readouterr().out
    assert (tmp_path / "speedups.svg").exists()


def test_wrong_is_a_failure(
    measured: list[Record | BaseException], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    measured += [RECORD, BROKEN]
    assert run("--out", str(tmp_path), "--json") == 1
    printed = capsys.readouterr()
    assert "no parity: y of unrolled differs" in printed.err
    assert len(json.loads(printed.out)["records"]) == 2


def test_an_interrupt_keeps_what_was_measured(
    measured: list[Record | BaseException], tmp_path: Path
) -> None:
    measured += [RECORD, KeyboardInterrupt()]
    assert run("--out", str(tmp_path)) == cli.INTERRUPTED
    assert len(json.loads((tmp_path / "results.json").read_text())["records"]) == 1
