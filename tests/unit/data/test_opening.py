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

from unrolled.data.notes import Notes
from unrolled.data.opening import kind_of, survey, text_lines, whole_text
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
        "old.csv is not UTF-8: it was read as cp1252, which decides the letters of 6 of 9 lines; "
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
    with pytest.raises(DataError, match="holds 2 files"):
        kind_of(path)
    assert kind_of(tmp_path / "nothere.zip") == ""
