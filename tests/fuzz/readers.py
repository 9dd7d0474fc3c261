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

from unrolled.data import restoring, sources
from unrolled.data.opening import survey, text_lines
from unrolled.data.pairs import read_pairs, read_sources
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
    "speech": Reader("speech.csv", b"file,text\na.wav,one\na.wav,two three\n", manifest),
}
