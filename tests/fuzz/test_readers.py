"""Files with something wrong in them: each reader reads them, or says in one sentence what it is.

`make fuzz` tries as many as there is time for. A file that was not answered so is kept in `kept/`,
and is read here again and again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.fuzz.damage import damaged
from tests.fuzz.readers import READERS, Reader, midi
from tests.fuzz.verdict import Endless, Failures, judge
from unrolled.data.sound import read_sound
from unrolled.errors import DataError

KEPT = sorted(path for path in (Path(__file__).parent / "kept").glob("*/*"))


def read(reader: Reader, data: bytes, place: Path) -> None:
    path = place / reader.file
    path.write_bytes(data)
    judge(lambda: reader.reads(path), place)


@pytest.mark.parametrize("name", READERS)
def test_a_sound_file_is_read(name: str, tmp_path: Path) -> None:
    path = tmp_path / READERS[name].file
    path.write_bytes(READERS[name].sound)
    READERS[name].reads(path)


@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_is_read_or_refused(name: str, cases: Any, tmp_path: Path) -> None:
    failures = Failures(Path(__file__).parents[2] / "fuzz-failures" / name)
    for number, chance in cases:
        data = damaged(READERS[name].sound, chance)
        try:
            read(READERS[name], data, tmp_path)
        except (Exception, Endless) as error:  # noqa: BLE001 - each of them is a finding
            failures.add(error, str(number), data)
    failures.tell()


@pytest.mark.parametrize("path", KEPT, ids=lambda path: f"{path.parent.name} {path.name}")
def test_a_file_that_was_not_answered_before(path: Path, tmp_path: Path) -> None:
    read(READERS[path.parent.name], path.read_bytes(), tmp_path)


# What took a time that grew with the square of its length, or without end: too long to keep.
ENDLESS: dict[str, tuple[str, bytes]] = {
    "marks that are never closed": ("abc", b"X:1\nK:C\n" + b'"!+{[A:' * 20_000),
    "denominators without a common divisor": (
        "abc", b"X:1\nL:1/8\nK:C\n" + b" ".join(b"c/%d" % (2 * n + 1) for n in range(4_000)),
    ),
    "a note held for years": ("midi", midi().replace(b"\x01\xe0MTrk", b"\x00\x01MTrk")
                              .replace(b"\x83\x60", b"\xff\xff\xff\x7f")),
}  # fmt: skip


@pytest.mark.parametrize("name", ENDLESS)
def test_a_file_that_took_too_long(name: str, tmp_path: Path) -> None:
    reader, data = ENDLESS[name]
    read(READERS[reader], data, tmp_path)


def test_a_sound_is_read_by_its_own_reader_alone(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A library that guesses at formats prints what it thinks of them."""
    path = tmp_path / "a.flac"
    path.write_bytes(b"\xff\xfb\x90\x00" * 500)
    with pytest.raises(DataError, match="is not a WAV file"):
        read_sound(path)
    assert capfd.readouterr() == ("", "")
