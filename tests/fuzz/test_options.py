"""Every option of every command with words that make no sense there: it works, or says a sentence.

What a command is asked of is small or empty, so that it ends soon. Left out are commands and
options that open a browser, measure for minutes, or wait for somebody.
"""

from __future__ import annotations

import argparse
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.fuzz.verdict import Endless, Failures, bounded, check_sentence
from unrolled.cli import main, parser_of

WORDS = [
    "", " ", "0", "1", "2", "3", "-1", "-0", "0.5", "1.5", "nan", "inf", "-inf", "1e999", "1_0",
    "99999999999999999999", "0x10", "text", "label", "value", "x,y", "a=b", "=", "a=", "--", "-",
    "lstm", "gru", "none", "auto", "1d", "1h,2h", "nothere.csv", ".", "..", "/", "/dev/null",
    "a" * 300, "a/" * 200, "\x00", "\udcff", "\u202e", "\x1b[2J", "caf\u00e9", "$HOME",
    "builtin:", "builtin:nothing", "evil.py:Evil", "evil.py", "rows.csv", "rows.csv:x", "*",
]  # fmt: skip
NEVER = {"--open", "--help", "-h", "--all", "--live", "--minutes"}
BASES = {
    "train classify": "train classify rows.csv",
    "train forecast": "train forecast rows.csv",
    "train generate": "train generate rows.txt",
    "train compose": "train compose rows.csv",
    "train tag": "train tag rows.csv",
    "train translate": "train translate rows.tsv",
    "train transcribe": "train transcribe rows.csv",
    "train caption": "train caption rows.csv",
    "train --resume": "train --resume classify",
    "evaluate": "evaluate classify rows.csv",
    "predict": "predict classify texts.csv",
    "predict a series": "predict forecast rows.csv",
    "forecast": "forecast forecast",
    "generate": "generate generate --length 2",
    "export": "export classify",
    "cell": "cell lstm",
    "data": "data",
}


def options_of(parser: argparse.ArgumentParser, job: str) -> list[argparse.Action]:
    found: list[argparse.Action] = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            if job in action.choices:
                found += options_of(action.choices[job], "")
        elif action.option_strings and not NEVER & set(action.option_strings):
            found.append(action)
    return found


def words_of(action: argparse.Action, chance: random.Random) -> list[str]:
    """An option with as many words as it takes, or with one more or less."""
    name = chance.choice(action.option_strings)
    if action.nargs == 0:
        return [name]
    word = chance.choice(WORDS)
    if action.choices is not None and chance.random() < 0.5:
        word = str(chance.choice(list(action.choices)))
    return chance.choice(([name, word], [name, word], [f"{name}={word}"], [name]))


@pytest.fixture
def place(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for task in ("classify", "forecast", "generate"):
        shutil.copytree(runs / task, tmp_path / task)
    (tmp_path / "rows.csv").write_text("text,label,date,value,word,tag,file\n")
    (tmp_path / "texts.csv").write_text("text,n\na fine film,1\n,2\n")
    for name in ("rows.txt", "rows.tsv"):
        (tmp_path / name).write_text("\n")
    (tmp_path / "evil.py").write_text("raise ValueError('the file was run because it was named')")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("base", BASES)
def test_words_that_make_no_sense(
    base: str, cases: Any, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, *rest = BASES[base].split()
    actions = options_of(parser_of(first), rest[0] if rest else "")
    failures = Failures(Path(__file__).parents[2] / "fuzz-failures" / f"options {base}")
    for number, chance in cases:
        words = [first, *rest]
        for _ in range(chance.choice((1, 1, 2, 3))):
            words += words_of(chance.choice(actions), chance)
        try:
            with bounded():
                status = main(words)
            said = capsys.readouterr().err
            assert status in (0, 2), f"exit status {status}"
            if status == 2:
                check_sentence(said.splitlines()[-1].removeprefix("unrolled: "), place)
        except (Exception, SystemExit, Endless) as error:  # noqa: BLE001 - each is a finding
            capsys.readouterr()
            line = repr(words).encode("utf-8", "surrogatepass")
            failures.add(error, str(number), line)
    failures.tell()
