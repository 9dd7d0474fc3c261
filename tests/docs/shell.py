"""Shell lines of a page, checked without being run: does each command exist, with these options?

In: the text of a block. Out: nothing, or an AssertionError that names the line.
"""

import re
import shlex
import tomllib
from pathlib import Path

from unrolled import cli
from unrolled.errors import UnrolledError

ROOT = Path(__file__).parents[2]
PLAIN = {"cd", "git", "export", "source", "python3", "less", "open", "ls", "cat"}


def commands(text: str) -> list[list[str]]:
    """The commands of a block as lists of words, without prompts, comments and redirections."""
    found: list[list[str]] = []
    text = re.sub(r"\\\n\s*", " ", text)
    for line in text.splitlines():
        lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        for word in lexer:
            if word in ("|", "&&", "||", ";", "&"):
                found.append(words)
                words = []
            else:
                words.append(word)
        found.append(words)
    return [words for words in found if words]


def check(words: list[str]) -> None:
    """Raise AssertionError when a command does not exist or would not take these words."""
    words = [word for word in words if not re.fullmatch(r"[A-Z_]+=\S*", word)] or ["export"]
    if ">" in words:
        words = words[: words.index(">")]
    program = Path(words[0]).name
    if program == "unrolled":
        check_unrolled(words[1:])
    elif program == "make":
        targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
        wanted = {word for word in words[1:] if "=" not in word}
        assert wanted <= targets, f"the Makefile has no target {wanted - targets}"
    elif program == "pip" or words[1:3] == ["-m", "pip"]:
        check_extras(words)
    else:
        assert program in PLAIN, f"{program}: an unknown program; tests/docs/shell.py lists them"


def check_unrolled(words: list[str]) -> None:
    """Parse a line of our own with the parser that would run it."""
    if not words or words[0] in ("--help", "--version"):
        return
    assert words[0] in cli.COMMANDS, f"there is no command `unrolled {words[0]}`"
    try:
        cli.parse(cli.parser_of(words[0]), words[1:])
    except UnrolledError as error:
        raise AssertionError(f"`unrolled {shlex.join(words)}`: {error}") from None
    except SystemExit as stop:
        assert stop.code == 0  # noqa: PT017 - `--help` ends this way


def check_extras(words: list[str]) -> None:
    """Every extra that a pip command asks for exists."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for word in words:
        asked = re.search(r"\[(.+)\]$", word)
        extras = set(asked[1].split(",")) if asked else set()
        assert extras <= set(project["optional-dependencies"]), f"no such extra in {word}"
