"""Any file that holds text is read the same, however it is packed and encoded."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from unrolled.data import opening
from unrolled.data.notes import Notes
from unrolled.data.opening import kind_of, survey, text_blocks, text_lines, whole_text
from unrolled.errors import DataError

TEXT = "text,label\nschöne Grüße,ja\nnaïve café,nein\n" * 3


def zstd(content: bytes) -> bytes:
    try:
        from compression import zstd as packer
    except ImportError:
        from backports import zstd as packer
    return bytes(packer.compress(content))


def zipped(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("inside.csv", content)
    return buffer.getvalue()


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress, zstd, zipped])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_packed_and_encoded(tmp_path: Path, pack: Callable[[bytes], bytes], encoding: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(pack(TEXT.encode(encoding)))
    notes = Notes()
    assert whole_text(path, notes) == TEXT
    assert len(notes) == 0


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(TEXT.encode(encoding))
    assert survey(path).encoding == encoding
    assert whole_text(path, Notes()) == TEXT


def test_a_guess_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "old.csv"
    path.write_bytes(TEXT.encode("cp1252"))
    notes = Notes()
    assert whole_text(path, notes) == TEXT
    assert notes.sentences == [
        "old.csv is not UTF-8: 6 of 9 lines contain characters that were decoded as cp1252; "
        "save it as UTF-8 if they look wrong"
    ]


def test_what_cp1252_has_no_letter_for(tmp_path: Path) -> None:
    path = tmp_path / "odd.txt"
    path.write_bytes(b"a\x81b\xe9\n")
    assert survey(path).encoding == "latin-1"
    assert whole_text(path, Notes()) == "a\x81bé\n"


def test_an_encoding_is_decided_by_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "late.txt"
    path.write_bytes(b"a" * 3_000_000 + b"\xe9\n")
    assert survey(path).encoding == "cp1252"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends(tmp_path: Path, end: str) -> None:
    path = tmp_path / "file.txt"
    path.write_bytes(end.join(["one", "two", ""]).encode())
    assert list(text_lines(path, survey(path))) == ["one", "two"]


def test_endings() -> None:
    assert kind_of(Path("Sales.CSV.gz")) == ".csv"
    assert kind_of(Path("a.b.jsonl")) == ".jsonl"
    assert kind_of(Path("README")) == ""


def test_a_zip_has_the_ending_of_what_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "reviews.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("inside/Reviews.CSV", TEXT)
    assert kind_of(path) == ".csv"
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("other.csv", TEXT)
    with pytest.raises(DataError, match="contains 2 files"):
        kind_of(path)
    assert kind_of(tmp_path / "nothere.zip") == ""


def test_a_name_that_is_nothing_but_an_ending(tmp_path: Path) -> None:
    path = tmp_path / ".zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("Reviews.csv", TEXT)
    assert kind_of(path) == ".csv"
    assert kind_of(Path(".csv")) == ".csv"


def test_an_endless_line_is_refused_where_lines_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "BLOCK", 64)
    monkeypatch.setattr(opening, "LONGEST_LINE", 1_000)
    path = tmp_path / "file.txt"
    path.write_text("short\n" + "long " * 199 + "\nshort\n")
    assert survey(path).longest_line >= 995
    assert len(list(text_lines(path, survey(path)))) == 3
    path.write_text("short\n" + "long " * 202 + "\nshort\n")
    with pytest.raises(DataError, match=r"has a line of 1,010 bytes, and the limit is 1,000"):
        list(text_lines(path, survey(path)))
    assert "".join(text_blocks(path, survey(path))) == path.read_text()  # a corpus may be one line


@pytest.mark.parametrize("end", ["\n", "\r"])
def test_lines_are_counted_whatever_the_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    path = tmp_path / "file.txt"
    path.write_bytes(end.join(["a" * 100, "", "b" * 70, "c"]).encode())
    for block in (1, 7, 64, 1000):
        monkeypatch.setattr(opening, "BLOCK", block)
        found = survey(path)
        assert found.longest_line >= 100 or block > 100
        assert found.longest_line <= max(100, block)
        assert found.lines == (4 if end == "\n" else 1)


def test_a_small_file_that_unpacks_to_more_than_memory_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bomb.csv.gz"
    path.write_bytes(gzip.compress(b"text,label\n" + b"a,b\n" * 2_000_000))
    assert survey(path).lines == 2_000_001
    monkeypatch.setattr(opening, "memory_of_the_machine", lambda: 4_000_000)
    with pytest.raises(DataError, match=r"holds .* GiB, and this machine has 0.0 GiB of memory"):
        survey(path)
