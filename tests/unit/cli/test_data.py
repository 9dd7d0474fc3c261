"""`unrolled data` lists the built-in sets, and shows one."""

from __future__ import annotations

import pytest

from unrolled.cli import main
from unrolled.data.builtin import SETS


def test_the_list_names_every_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data"]) == 0
    out = capsys.readouterr().out
    assert [one.name for one in SETS if f"builtin:{one.name}  " not in out] == []


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("languages", "Persian"),
        ("digits", "8 steps of 8 channels"),
        ("co2", "1958-03-29 00:00:00  316.1"),
        ("python-docs", "assert:"),
    ],
)
def test_one_set(name: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", name, "--rows", "3"]) == 0
    out = capsys.readouterr().out
    assert shown in out
    assert "licence" in out


def test_what_does_not_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "vowels"]) == 2
    assert "there is no built-in data set 'vowels'" in capsys.readouterr().err
    assert main(["data", "co2", "--rows", "0"]) == 2
    assert capsys.readouterr().err == ("unrolled: --rows must be an integer of at least 1, not 0\n")
