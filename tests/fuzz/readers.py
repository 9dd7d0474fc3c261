"""Every reader with sound files of its kind, which are then damaged."""

from __future__ import annotations

import gzip
import io
import json
import struct
import wave
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import soundfile
from PIL import Image

from unrolled.data import restoring, sources
from unrolled.data.clips import read_clip
from unrolled.data.opening import survey, text_lines
from unrolled.data.pairs import read_pairs, read_sources
from unrolled.data.piano_roll import fine_enough, roll_of
from unrolled.data.pictures import read_picture, read_pictures
from unrolled.data.score_files import read_music
from unrolled.data.sound import read_sound
from unrolled.data.speech import read_speech
from unrolled.data.tagged import Columns, read_tagged

Read = Callable[[Path], Any]
LABELLED = b"text,label\n" + b"".join(
    b'"a fine, %d",good\nbad %d,"b ""x"""\n' % (i, i) for i in range(6)
)
OBJECTS = [{"text": f"a {i} \u00e9\n", "label": "x" if i % 2 else "y", "n": i} for i in range(6)]
WIDE = b"label,v1,v2,v3\n" + b"".join(b"ab"[i % 2 :][:1] + b",1,%d,2.5\n" % i for i in range(6))
LONG = b"series,step,label,v\n" + b"".join(
    b"%d,%d,%s,%d.5\n" % (i, t, b"ab"[i % 2 :][:1], t) for i in range(3) for t in range(3)
)
DATED = b"date,value\n" + b"".join(b"2024-01-%02d,%d.25\n" % (day, day) for day in range(1, 15))
TIMED = b"when;shop;sold;price\n" + b"".join(
    b"2024-01-01 %02d:00;%s;%d;1.5\n" % (hour, shop, hour) for shop in (b"a", b"b")
    for hour in range(8)
)  # fmt: skip
TS = b"@problemName x\n@timeStamps false\n@classLabel true a b\n@data\n"
TS += b"1,2,3:4,5,6:a\n" * 2 + b"1,2,3:4,?,6:b\n"
CONLL = b"-DOCSTART- -X- O O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\n\nPeter NNP B-NP B-PER\n"
CONLLU = b"# text = I go\n1\tI\tI\tPRON\tPRP\t_\t2\tnsubj\t_\t_\n2-3\tgo\t_\t_\t_\t_\t_\t_\t_\t_\n"
TAGGED = b'{"tokens": ["a", "b"], "tags": ["O", "B-X"]}\n{"tokens": ["c"], "tags": ["I-X"]}\n'
PAIRS = b"hello\thallo\ngood day\tguten Tag\n"
ABC = (
    b"X:1\nT:A tune\nM:6/8\nL:1/8\nQ:1/4=120\nK:Edor\n"
    + (b'|:"Em"E2B BAB|(3gfe d>c ^B/_A/|[CEG]2- [CEG]z2 {a}b!trill!c\'|[K:D]Z|V:2\nC,,4 D<E:|\n')
    * 2
    + b"X:2\nK:C\nCDEF\n"
)
SCORE = b"""<?xml version="1.0" encoding="UTF-8"?><score-partwise><part id="P1"><measure number="1">
<attributes><divisions>4</divisions><transpose><chromatic>-2</chromatic></transpose></attributes>
<direction><sound tempo="90"/></direction><note><pitch><step>C</step><alter>1</alter>
<octave>4</octave></pitch><duration>4</duration><tie type="start"/></note><note><chord/><pitch>
<step>E</step><octave>4</octave></pitch><duration>4</duration></note><backup><duration>4</duration>
</backup><note><unpitched/><duration>2</duration></note><note><rest/><duration>2</duration></note>
</measure></part></score-partwise>"""
BOOK = ("Once upon a time, there was caf\u00e9.\nAnd \u201cthen\u201d it ended.\n" * 4).encode()


def npz(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def zipped(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


def wav(bits: int) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((2, bits // 8, 8_000, 0, "NONE", "NONE"))
        file.writeframes(bytes(range(240)))
    return buffer.getvalue()


def float_wav() -> bytes:
    body = np.linspace(-1, 1, 50, dtype="<f4").tobytes()
    form = struct.pack("<HHIIHH", 3, 1, 8_000, 32_000, 4, 32)
    inside = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", 200) + body
    return b"RIFF" + struct.pack("<I", len(inside)) + inside


def flac() -> bytes:
    buffer = io.BytesIO()
    values = np.sin(np.arange(400) / 9).astype(np.float32)
    soundfile.write(buffer, values, 8_000, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def picture(kind: str, frames: int = 1, mode: str = "RGB") -> bytes:
    """Some pixels in a format of Pillow."""
    buffer = io.BytesIO()
    made = []
    for frame in range(frames):
        pixels = (np.arange(9 * 7 * 4).reshape(9, 7, 4) * (frame + 3) % 251).astype(np.uint8)
        made.append(Image.fromarray(pixels, "RGBA").convert(mode))
    more: dict[str, Any] = {"save_all": True, "append_images": made[1:]} if frames > 1 else {}
    made[0].save(buffer, kind, **more)
    return buffer.getvalue()


def midi() -> bytes:
    """A tempo, a key, two notes at once, a drum, and a running status."""
    track = b"\x00\xff\x51\x03\x07\xa1\x20\x00\xff\x59\x02\x01\x00\x00\xff\x03\x04tune"
    track += b"\x00\x90\x3c\x50\x00\x40\x50\x83\x60\x3c\x00\x00\x40\x00\x00\x99\x24\x50"
    track += b"\x00\xf0\x03\x01\x02\xf7\x60\x80\x3c\x00\x00\xff\x2f\x00"
    head = b"MThd" + struct.pack(">IHHH", 6, 1, 1, 480)
    return head + b"MTrk" + struct.pack(">I", len(track)) + track


def parquet() -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame({"text": ["a", "b"], "label": ["x", "y"], "n": [1, 2]}).write_parquet(buffer)
    return buffer.getvalue()


@dataclass(frozen=True)
class Reader:
    """A file's name, what it holds when it is sound, and who reads it."""

    file: str
    sound: bytes
    reads: Read


def labelled(path: Path) -> Any:
    return sources.labelled(path)


def unlabelled(path: Path) -> Any:
    return sources.unlabelled(path)


def dated(path: Path) -> Any:
    return sources.time_series(path)


def shops(path: Path) -> Any:
    return sources.time_series(path, series="shop", value=["sold"], known=["price"])


def tagged(path: Path) -> Any:
    return read_tagged(path, Columns())


def universal(path: Path) -> Any:
    return read_tagged(path, Columns(tag="upos"))


def accents(path: Path) -> Any:
    return restoring.restoring(text_lines(path, survey(path)), "diacritics")


def manifest(path: Path) -> Any:
    (path.parent / "a.wav").write_bytes(wav(16))
    return read_speech(path)


def music(path: Path) -> Any:
    """As a training reads it: notes, then the grid of each piece."""
    pieces = read_music(path).pieces
    steps = fine_enough(pieces)
    return [roll_of(piece, steps) for piece in pieces]


def pictures(path: Path) -> Any:
    (path.parent / "a.png").write_bytes(picture("PNG"))
    return read_pictures(path)


def two_files(path: Path) -> Any:
    (path.parent / "b.txt").write_bytes(b"hallo\nguten Tag\n")
    return read_pairs(path, path.parent / "b.txt")


lines = "\n".join(map(json.dumps, OBJECTS)).encode()
SERIES = {"x": np.arange(24.0).reshape(4, 3, 2), "y": np.array(["a", "b", "a", "b"])}
RAGGED = {"x": np.arange(12.0).reshape(6, 2), "lengths": np.array([2, 4]), "y": np.array([0, 1])}

READERS: dict[str, Reader] = {
    "csv": Reader("a.csv", LABELLED, labelled),
    "csv without labels": Reader("a.csv", LABELLED, unlabelled),
    "tsv": Reader("a.tsv", LABELLED.replace(b",", b"\t"), labelled),
    "csv of series": Reader("a.csv", WIDE, labelled),
    "csv of long series": Reader("a.csv", LONG, labelled),
    "csv.gz": Reader("a.csv.gz", gzip.compress(LABELLED, mtime=0), labelled),
    "csv.zip": Reader("a.csv.zip", zipped("a.csv", LABELLED), labelled),
    "json": Reader("a.json", json.dumps(OBJECTS).encode(), labelled),
    "json lines": Reader("a.jsonl", lines, labelled),
    "json lines without labels": Reader("a.jsonl", lines, unlabelled),
    "parquet": Reader("a.parquet", parquet(), labelled),
    "npz": Reader("a.npz", npz(**SERIES), labelled),
    "ragged npz": Reader("a.npz", npz(**RAGGED), labelled),
    "ts": Reader("a.ts", TS, labelled),
    "series to forecast": Reader("a.csv", DATED, dated),
    "series of several": Reader("a.csv", TIMED, shops),
    "series to forecast, gz": Reader("a.csv.gz", gzip.compress(DATED, mtime=0), dated),
    "book": Reader("a.txt", BOOK, lambda path: list(sources.corpus(path).documents)),
    "book without a name": Reader("a", BOOK, lambda path: sources.corpus(path)),
    "conll": Reader("a.conll", CONLL, tagged),
    "conllu": Reader("a.conllu", CONLLU, universal),
    "tagged json lines": Reader("a.jsonl", TAGGED, tagged),
    "tagged csv": Reader("a.csv", b"sentence,word,tag\n1,EU,B\n1,is,O\n2,a,O\n", tagged),
    "accents": Reader("a.txt", BOOK, accents),
    "pairs": Reader("a.tsv", PAIRS, lambda path: read_pairs(path)),
    "sources of pairs": Reader("a.txt", PAIRS, lambda path: read_sources(path)),
    "wav 8": Reader("a.wav", wav(8), read_sound),
    "wav 16": Reader("a.wav", wav(16), read_sound),
    "wav 24": Reader("a.wav", wav(24), read_sound),
    "wav float": Reader("a.wav", float_wav(), read_sound),
    "wav 32": Reader("a.wav", wav(32), read_sound),
    "flac": Reader("a.flac", flac(), read_sound),
    "midi": Reader("a.mid", midi(), music),
    "abc": Reader("a.abc", ABC, music),
    "musicxml": Reader("a.musicxml", SCORE, music),
    "packed musicxml": Reader("a.mxl", zipped("a.musicxml", SCORE), music),
    "png": Reader("a.png", picture("PNG", mode="RGBA"), read_picture),
    "grey png": Reader("a.png", picture("PNG", mode="L"), read_picture),
    "jpeg": Reader("a.jpg", picture("JPEG"), read_picture),
    "bmp": Reader("a.bmp", picture("BMP"), read_picture),
    "webp": Reader("a.webp", picture("WEBP"), read_picture),
    "tiff": Reader("a.tif", picture("TIFF"), read_picture),
    "ppm": Reader("a.ppm", picture("PPM"), read_picture),
    "gif": Reader("a.gif", picture("GIF", 3, "P"), read_clip),
    "clip of arrays": Reader("a.npz", npz(x=np.zeros((3, 4, 5), np.uint8)), read_clip),
    "captions": Reader("captions.csv", b"file,text\na.png,one\na.png,two three\n", pictures),
    "pairs of two files": Reader("a.txt", b"hello\ngood day\n", two_files),
    "pairs in json": Reader(
        "a.json",
        b'[{"source": "a", "target": "b c"}, {"source": "d", "target": "e"}]',
        lambda p: read_pairs(p),
    ),
    "speech": Reader("speech.csv", b"file,text\na.wav,one\na.wav,two three\n", manifest),
}
