"""What `unrolled lab` answers to a wrong line: one sentence, exit 2, and no file."""

from pathlib import Path

import pytest

from unrolled import cli, labs


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("gradient", "argument NAME: no choice 'gradient'; did you mean 'gradients'? "
                     "(see `unrolled lab --help`)"),
        ("gates --hidden -3", "--hidden must be an integer from 1 to 256, not -3"),
        (
            "gates --seed -1",
            "argument --seed: a seed must be an integer from 0 to 2**32 - 1, not '-1' "
            "(see `unrolled lab gates --help`)",
        ),
        ("gates --hidden four", "argument --hidden: invalid int value: 'four' "
                                "(see `unrolled lab gates --help`)"),
        ("gates --hiden 4", "no option '--hiden'; did you mean '--hidden'? "
                            "(see `unrolled lab --help`)"),
        ("gates --text missing.txt", "the text missing.txt cannot be read (no such file or "
                                     "directory): name a text file that exists"),
        ("gates --text .", "the text . cannot be read (is a directory): name a text file that "
                           "exists"),
        ("gates --text short.txt", "the text short.txt has 5 characters: --text needs from 2,000 "
                                   "to 20,000,000"),
        ("gates --text picture.png", "the text picture.png is not UTF-8 (byte 0): save it as UTF-8 "
                                     "text, or name another file"),
        ("gates --out short.txt", "short.txt could not be written (File exists): choose another "
                                  "place"),
        ("gates --out short.txt/below", "short.txt/below could not be written (Not a directory): "
                                        "choose another place"),
    ],
)  # fmt: skip
def test_sentence(
    line: str,
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "short.txt").write_text("short")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n" + bytes(range(128, 256)) * 30)
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.chdir(tmp_path)
    assert cli.main(["lab", *line.split()]) == 2
    assert capsys.readouterr() == ("", f"unrolled: {sentence}\n")
    assert sorted(tmp_path.rglob("*")) == before


def test_alone_it_lists_every_lab(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["lab"]) == 0
    out = capsys.readouterr().out
    for name in labs.names():
        assert f"  {name} " in out
        assert labs.find(name).summary in out


def test_a_lab_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["lab", "gradients", "--hidden", "2", "--lags", "4", "--updates", "10", "--seed", "7"]
    assert cli.main([*words, "--out", str(tmp_path / "lab")]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("Vanishing and exploding gradients, measured\n- ")
    assert captured.out.endswith(f"Report: {tmp_path / 'lab' / 'report.html'}\n")
    assert "[1/3] recurrent scales" in captured.err
    text = (tmp_path / "lab" / "report.html").read_text(encoding="utf-8")
    assert "unrolled lab gradients --seed 7 --hidden 2 --lags 4 --updates 10" in text
