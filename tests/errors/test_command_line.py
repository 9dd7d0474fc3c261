"""What the command line answers to a line it does not understand: one sentence, exit 2."""

import argparse
import sys
from types import SimpleNamespace

import pytest

from unrolled import cli


def configure(parser: argparse.ArgumentParser) -> None:
    jobs = parser.add_subparsers(dest="job", required=True)
    job = jobs.add_parser("classify")
    job.add_argument("file")
    job.add_argument("--epochs", type=int)
    job.add_argument("--schedule", choices=["step", "cosine"])


@pytest.fixture(autouse=True)
def command(monkeypatch: pytest.MonkeyPatch) -> None:
    module = SimpleNamespace(__doc__="Train.", configure=configure, run=lambda arguments: 0)
    monkeypatch.setitem(sys.modules, "fake_train", module)  # type: ignore[arg-type]
    monkeypatch.setitem(cli.COMMANDS, "train", ("fake_train", "train a network"))


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("tran", "no command 'tran'; did you mean 'train'? (see `unrolled --help`)"),
        ("doctr", "no command 'doctr'; did you mean 'doctor'? (see `unrolled --help`)"),
        ("--verison", "no option '--verison'; did you mean '--version'? (see `unrolled --help`)"),
        (
            "train clasify a.csv",
            "argument job: no choice 'clasify'; did you mean 'classify'? "
            "(see `unrolled train --help`)",
        ),
        (
            "train classify a.csv --epocs 5",
            "no option '--epocs'; did you mean '--epochs'? (see `unrolled train --help`)",
        ),
        (
            "train classify a.csv --epoch=5",
            "no option '--epoch'; did you mean '--epochs'? (see `unrolled train --help`)",
        ),
        (
            "train classify a.csv --schedule cosin",
            "argument --schedule: no choice 'cosin'; did you mean 'cosine'? "
            "(see `unrolled train classify --help`)",
        ),
        (
            "train classify a.csv --epochs five",
            "argument --epochs: invalid int value: 'five' (see `unrolled train classify --help`)",
        ),
        (
            "train classify a.csv b.csv",
            "unexpected argument: 'b.csv' (see `unrolled train --help`)",
        ),
        (
            "train classify",
            "the following arguments are required: file (see `unrolled train classify --help`)",
        ),
    ],
)
def test_sentence(line: str, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(line.split()) == 2
    assert capsys.readouterr() == ("", f"unrolled: {sentence}\n")


def test_a_word_like_nothing_known_gets_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["xyzzy"]) == 2
    listed = ", ".join(cli.COMMANDS)
    assert capsys.readouterr().err == (
        f"unrolled: no command 'xyzzy'; there are: {listed} (see `unrolled --help`)\n"
    )
