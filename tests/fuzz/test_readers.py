"""Files with something wrong in them: each reader reads them, or says in one sentence what it is.

`make fuzz` tries as many as there is time for. A file that was not answered so is kept in `kept/`,
and is read here again and again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.fuzz.damage import damaged
from tests.fuzz.readers import READERS, Reader
from tests.fuzz.verdict import Endless, Failures, judge

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
