"""Opens files of any compression and encoding. In: a path. Out: bytes, text; next: readers.

Compression is recognized by the first bytes, not by the name: gzip, bzip2, xz, zstd, and a zip with
one file. The encoding is given by a byte order mark; without one it is UTF-8 if the whole file is
valid UTF-8, UTF-16 if every other byte at the beginning is 0, and otherwise cp1252 (latin-1 where
cp1252 has no character), which is reported as a guess. Files are read in blocks, so they need not
fit into memory unless a reader needs the whole file.
"""

from __future__ import annotations

import bz2
import codecs
import contextlib
import gzip
import io
import lzma
import os
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import IO, Any

from unrolled.data.notes import Notes, listed
from unrolled.errors import DataError
from unrolled.literal import because

BLOCK = 1 << 20
LONGEST_LINE = 1 << 27  # bytes: a line is kept in memory, and no real text has one of 128 MiB
BOMB = 100  # compression ratio beyond which reading stops once memory would be full
SURE = 8  # characters: fewer are not enough to tell UTF-16 from binary data
PACKED = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd", ".zip": "zip"}
MARKS = (  # UTF-32's little-endian mark begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
MISTAKEN = (  # first bytes of files that are often mistaken for text
    (b"%PDF", "a PDF: save its text"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word file: save it as CSV (UTF-8)"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3", "an SQLite database: export the table as CSV"),
    (b"PAR1", "a Parquet file: give its name the ending .parquet"),
    (b"\x93NUMPY", "a NumPy array: save it with numpy.savez as .npz"),
    (b"\x80\x04", "a pickle, and pickles can hold code: save the data as CSV or .npz"),
    (b"\x80\x05", "a pickle, and pickles can hold code: save the data as CSV or .npz"),
)


@dataclass(frozen=True)
class Survey:
    """How to read a file as text."""

    encoding: str
    is_guess: bool  # no byte order mark, and not valid UTF-8
    odd_lines: int  # with non-ASCII characters, if the encoding is a guess
    lines: int
    longest_line: int  # bytes


def existing(path: str | Path) -> Path:
    """The path of an existing, non-empty file; raises an error otherwise."""
    path = Path(path)
    if path.is_dir():
        raise DataError(f"{path} is a folder: name a file in it")
    if not path.exists():
        folder = path.parent
        beside = sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []
        from difflib import get_close_matches

        found = get_close_matches(path.name, beside, n=1)
        hint = f": did you mean {str(folder / found[0])!r}?" if found else ""
        raise DataError(f"there is no file {str(path)!r}{hint}")
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty (0 bytes)")
    return path


def kind_of(path: Path) -> str:
    """The extension without compression: `.csv` for `sales.CSV.gz`."""
    endings = _endings(path.name)
    if not endings and path.is_file():
        with opened_as_it_is(path) as raw:
            is_zip = raw.read(4) == b"PK\x03\x04"
        if is_zip and zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:  # the extension is that of the file inside
                endings = _endings(PurePath(_only_name(path, archive)).name)
    return endings[-1] if endings else ""


def _endings(name: str) -> list[str]:
    """The extensions of a name; a name such as `.zip` counts as one, too."""
    endings = [f".{part.lower()}" for part in name.split(".")[1:]]
    while endings and endings[-1] in PACKED:
        endings.pop()
    return endings


DAMAGE: tuple[type[Exception], ...] = (
    EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, gzip.BadGzipFile
)  # fmt: skip


@contextlib.contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The uncompressed bytes of a file; raises DataError if it is damaged."""
    with opened_as_it_is(path) as raw:
        try:
            start = raw.read(8)
            raw.seek(0)
            with _unpacked(path, raw, start) as stream:
                yield stream
        except DAMAGE as error:
            why = because(error)
            raise DataError(f"{path} is damaged or truncated ({why}): download it again") from error


@contextlib.contextmanager
def opened_as_it_is(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of a file as stored; raises DataError if it cannot be read."""
    try:
        with path.open("rb") as raw:
            yield raw
    except PermissionError as error:
        raise DataError(f"{path} cannot be opened: you have no permission to read it") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error})") from error


def _unpacked(path: Path, raw: Any, start: bytes) -> Any:
    if start.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=raw)
    if start.startswith(b"BZh"):
        return bz2.BZ2File(raw)
    if start.startswith(b"\xfd7zXZ\x00"):
        return lzma.LZMAFile(raw)
    if start.startswith(b"\x28\xb5\x2f\xfd"):
        return _zstd(raw)
    if start.startswith(b"PK\x03\x04"):
        return _zipped(path, raw)
    return contextlib.nullcontext(raw)


@contextlib.contextmanager
def _zstd(raw: Any) -> Iterator[Any]:
    try:
        from compression import zstd  # Python 3.14
    except ImportError:
        from backports import zstd
    try:
        with zstd.ZstdFile(raw) as stream:
            yield stream
    except zstd.ZstdError as error:
        raise EOFError(str(error)) from error


@contextlib.contextmanager
def _zipped(path: Path, raw: Any) -> Iterator[Any]:
    with zipfile.ZipFile(raw) as archive:
        name = _only_name(path, archive)
        if archive.getinfo(name).flag_bits & 1:
            raise DataError(f"{path} is locked with a password: unpack it first")
        try:
            stream = archive.open(name)
        except (NotImplementedError, RuntimeError) as error:  # an unknown compression method
            raise zipfile.BadZipFile(str(error)) from error
        with stream:
            yield stream


def _only_name(path: Path, archive: zipfile.ZipFile) -> str:
    """The name of the only file in an archive; raises DataError if there are several."""
    names = [one for one in archive.namelist() if not one.endswith("/")]
    if "[Content_Types].xml" in names:
        raise DataError(f"{path} is an Excel or Word file: save it as CSV (UTF-8)")
    if names and all(one.endswith(".npy") for one in names):
        raise DataError(f"{path} contains NumPy arrays: give its name the extension .npz")
    if len(names) != 1:
        raise DataError(
            f"{path} contains {len(names)} files ({listed(names, 4)}): unpack it and name one"
        )
    return names[0]


def blocks_of(stream: IO[bytes]) -> Iterator[bytes]:
    while block := stream.read(BLOCK):
        yield block


def survey(path: Path) -> Survey:
    """Read the file once to determine its encoding and lines."""
    with opened(path) as stream:
        start = stream.read(BLOCK)
    if not start:
        raise DataError(f"{path} is empty (it unpacks to 0 bytes)")
    _refuse_other_kinds(path, start)
    marked = next((name for mark, name in MARKS if start.startswith(mark)), None)
    encoding = marked or _looks_like_utf16(start)
    if encoding is None and b"\x00" in start:
        raise DataError(f"{path} is not text: byte {start.index(0):,} is 0; name a text file")
    decodes, lines, longest_line = _read_through(path, encoding or "utf-8")
    if encoding is not None and not decodes:
        raise DataError(f"{path} begins like {encoding.upper()} but is not: save it again as UTF-8")
    if decodes:
        return Survey(encoding or "utf-8", False, 0, lines, longest_line)
    encoding = "cp1252" if _read_through(path, "cp1252")[0] else "latin-1"
    return Survey(encoding, True, _odd_lines(path), lines, longest_line)


def _refuse_other_kinds(path: Path, start: bytes) -> None:
    for mark, kind in MISTAKEN:
        if start.startswith(mark):
            raise DataError(f"{path} is not text but {kind}")


def _looks_like_utf16(start: bytes) -> str | None:
    """Recognize UTF-16 without a mark: in most scripts, half of every other bytes are 0."""
    head = start[:4000]
    even, odd = head[0::2].count(0), head[1::2].count(0)
    half = len(head) // 2
    if half < SURE:
        return None
    if odd > 0.4 * half and even < 0.02 * half:
        return "utf-16-le"
    if even > 0.4 * half and odd < 0.02 * half:
        return "utf-16-be"
    return None


def _read_through(path: Path, encoding: str) -> tuple[bool, int, int]:
    """Whether the encoding is valid; the number of lines; the longest line if over a block."""
    decoder = codecs.getincrementaldecoder(encoding)()
    decodes, lines, line, longest, size = True, 0, 0, 0, 0
    dense = BOMB * path.stat().st_size  # bytes of a plausible unpacked size
    with opened(path) as stream:
        for block in blocks_of(stream):
            size += len(block)
            if size > dense:
                refuse_what_does_not_fit(path, size)
            lines += block.count(b"\n")
            ends = [place for end in (b"\n", b"\r") if (place := block.find(end)) >= 0]
            longest = max(longest, line + min(ends, default=len(block)))
            line += len(block)
            if ends:
                line = len(block) - 1 - max(block.rfind(b"\n"), block.rfind(b"\r"))
            if decodes:
                decodes = _decodes(decoder, block)
    return decodes and _decodes(decoder, b"", final=True), lines + (line > 0), longest


def _decodes(decoder: codecs.IncrementalDecoder, block: bytes, final: bool = False) -> bool:
    try:
        decoder.decode(block, final)
    except UnicodeDecodeError:
        return False
    return True


def _odd_lines(path: Path) -> int:
    """The number of lines that depend on the encoding."""
    odd = 0
    is_odd = False
    with opened(path) as stream:
        while piece := stream.readline(BLOCK):  # a line, or a block of it
            is_odd = is_odd or not piece.isascii()
            if piece.endswith(b"\n"):
                odd, is_odd = odd + is_odd, False
    return odd + is_odd


def note_encoding(path: Path, found: Survey, notes: Notes) -> None:
    """Add a note if the encoding is a guess."""
    if found.is_guess:
        notes.say(
            f"{path.name} is not UTF-8: {found.odd_lines:,} of {found.lines:,} lines contain "
            f"characters that were decoded as {found.encoding}; save it as UTF-8 if "
            "they look wrong"
        )


def text_blocks(path: Path, found: Survey) -> Iterator[str]:
    """The text in blocks, with line ends as `\\n`."""
    with opened(path) as stream, io.TextIOWrapper(stream, found.encoding) as text:
        while block := text.read(BLOCK):
            yield block


def text_lines(path: Path, found: Survey) -> Iterator[str]:
    """The text line by line, without the line ends."""
    refuse_endless_lines(path, found)
    with opened(path) as stream, io.TextIOWrapper(stream, found.encoding) as text:
        for line in text:
            yield line.rstrip("\n")


def refuse_what_does_not_fit(path: Path, size: int) -> None:
    """Raise an error if a file does not fit into memory: a small file can unpack to any size."""
    memory = memory_of_the_machine()
    if size > memory:
        raise DataError(
            f"{path} holds {size / 2**30:,.1f} GiB, and this machine has "
            f"{memory / 2**30:,.1f} GiB of memory: split it"
        )


def memory_of_the_machine() -> int:
    """Bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def refuse_endless_lines(path: Path, found: Survey) -> None:
    """Raise an error if a line is too long to read line by line."""
    if found.longest_line > LONGEST_LINE:
        raise DataError(
            f"{path} has a line of {found.longest_line:,} bytes, and the limit is "
            f"{LONGEST_LINE:,}: break it into lines, with a text or a row on each"
        )


def whole_text(path: Path, notes: Notes) -> str:
    """The whole text, in memory."""
    found = survey(path)
    note_encoding(path, found, notes)
    return "".join(text_blocks(path, found))
