"""Files of rubbish: name, content, columns, and how the sentence about each begins."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

TEXTS: dict[str, Any] = {"text": "text", "label": "label"}


def zipped(**files: bytes) -> bytes:
    """A zip of the files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("_dot_", "."), content)
    return buffer.getvalue()


def saved(**arrays: Any) -> bytes:
    """A .npz of the arrays."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def bare(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def parquet(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def many(count: int, line: Callable[[int], str]) -> bytes:
    return "\n".join(["text,label", *(line(i) for i in range(count))]).encode()


# Name, content, columns, what the sentence says ({path} is the file).
LABELLED: list[tuple[str, bytes, dict[str, Any], str]] = [
    ("empty.csv", b"", TEXTS, "{path} is empty (0 bytes)"),
    ("empty.csv.gz", gzip.compress(b"", mtime=0), TEXTS, "{path} is empty (it unpacks to 0 bytes)"),
    ("blank.csv", b"\n\n  \n", TEXTS, "{path} contains only blank lines"),
    (
        "header.csv",
        b"text,label\n",
        TEXTS,
        "{path} has a header ('text', 'label') and no rows",
    ),
    ("rows.csv", b"text,label\n,\n , \n", TEXTS, "all 2 rows of {path} are empty"),
    (
        "column.csv",
        b"txet,label\na,b\nc,d\n",
        TEXTS,
        "{path} has no column 'text' for --text; did you mean 'txet'?",
    ),
    (
        "column.csv",
        b"a,b\nc,d\n",
        {"text": "a", "label": "label"},
        "{path} has no column 'label' for --label; there are 'a', 'b'",
    ),
    (
        "which.csv",
        b"a,b,c\nd,e,f\n",
        {},
        "which column of {path} has the labels? name it with --label: there are 'a', 'b', 'c'",
    ),
    (
        "which.csv",
        b"a,b,label\nd,e,f\n",
        {},
        "which column of {path} has the texts? name it with --text: there are 'a', 'b', 'label'",
    ),
    (
        "wide.csv",
        b"text,label\na,b\nfine, but with a comma,c\n",
        TEXTS,
        "line 3 of {path} has 3 columns where the header has 2: put quotation marks around texts "
        "that have a ','",
    ),
    (
        "open.csv",
        b'text,label\nx,y\n"never closed,b\nc,d\n',
        TEXTS,
        "line 3 of {path}: a quotation mark is opened here and never closed: close it, or double "
        "it",
    ),
    (
        "quote.csv",
        b'text,label\n"5" disk,b\n',
        TEXTS,
        "line 2 of {path}: a quotation mark is inside a quoted text: double it",
    ),
    (
        "twice.csv",
        b"text,text\na,b\n",
        TEXTS,
        "the header of {path} names 'text' twice: rename one of them",
    ),
    (
        "nameless.csv",
        b"text,,\na,b,c\n",
        TEXTS,
        "the header of {path} leaves 2 columns without a name: name them",
    ),
    (
        "noheader.csv",
        b"1,2\n3,4\n",
        TEXTS,
        "the first line of {path} is '1', '2': numbers, not names of columns; add a line with "
        "the names above it",
    ),
    (
        "one.csv",
        b"text,label\na,x\nb,x\n",
        TEXTS,
        "every row has the same label in 'label' ('x'): there is nothing to learn; name "
        "another column, or add rows of another class",
    ),
    (
        "nolabel.csv",
        b"text,label\na,\nb,\n",
        TEXTS,
        "the column 'label' of {path} is empty: there are no labels",
    ),
    (
        "notext.csv",
        b"text,label\n,x\n ,y\n",
        TEXTS,
        "none of 2 rows has a text: name another column with --text",
    ),
    (
        "quantity.csv",
        many(60, lambda i: f"word,{i / 7}"),
        TEXTS,
        "the column 'label' has 60 different numbers in 60 rows, such as '0.0', "
        "'0.14285714285714285': that is a quantity, not a class; name another column as the "
        "label, or predict it with `unrolled train regress`",
    ),
    (
        "names.csv",
        many(60, lambda i: f"word,name {i}"),
        TEXTS,
        "the column 'label' has 60 different labels in 60 rows: most classes have a single "
        "example, so it is not a label; name another column",
    ),
    ("binary.csv", b"text,label\n\x00\x01,x\n", TEXTS, "{path} is not text: byte 11 is 0"),
    ("book.csv", b"%PDF-1.7 ...", TEXTS, "{path} is not text but a PDF: save its text"),
    ("cat.csv", b"\x89PNG\r\n", TEXTS, "{path} is not text but a picture"),
    (
        "old.csv",
        b"\xd0\xcf\x11\xe0rest",
        TEXTS,
        "{path} is not text but an old Excel or Word file: save it as CSV (UTF-8)",
    ),
    (
        "new.csv",
        zipped(**{"[Content_Types].xml": b"x"}),
        TEXTS,
        "{path} is an Excel or Word file: save it as CSV (UTF-8)",
    ),
    (
        "model.csv",
        b"\x80\x04\x95rest",
        TEXTS,
        "{path} is not text but a pickle, and pickles can hold code: save the data as CSV or .npz",
    ),
    (
        "two.csv.zip",
        zipped(a_dot_csv=b"x", b_dot_csv=b"y"),
        TEXTS,
        "{path} contains 2 files ('a.csv', 'b.csv'): unpack it and name one",
    ),
    (
        "table.xlsx",
        b"text,label\na,b\n",
        TEXTS,
        "{path} is not a complete Excel file (",
    ),
    (
        "table.ods",
        b"text,label\na,b\n",
        TEXTS,
        "{path} ends in '.ods', and the name of a table ends in '.csv'",
    ),
    (
        "table.parquet",
        b"PAR1 and then nonsense",
        TEXTS,
        "{path} is not a complete Parquet file (",
    ),
    (
        "nested.parquet",
        parquet(pl.DataFrame({"text": [["a"], ["b"]], "label": ["x", "y"]})),
        TEXTS,
        "{path}: the column 'text' has lists or structures: write one column for each part",
    ),
    (
        "lines.jsonl",
        b'{"text": "a", "label": "x"}\n{"text": "b",\n',
        TEXTS,
        "line 2 of {path} is not JSON (",
    ),
    (
        "lines.jsonl",
        b'{"text": "a", "label": "x"}\n[1, 2]\n',
        TEXTS,
        "line 2 of {path} is [1, 2], and each line must be an object: "
        '{{"text": ..., "label": ...}}',
    ),
    (
        "lines.jsonl",
        b'{"text": {"en": "a"}, "label": "x"}\n',
        TEXTS,
        'line 1 of {path}: \'text\' is {{"en": "a"}}, and a cell must be a text or a number: '
        "write one column for each part",
    ),
    ("whole.json", b"{}", TEXTS, "{path} must contain a list of objects, [{{...}}, {{...}}]"),
    ("whole.json", b"[1", TEXTS, "{path} is not JSON ("),
    ("whole.json", b"[]", TEXTS, "{path} has no rows: its list is empty"),
    ("lines.jsonl", b"{}\n", TEXTS, "{path} has no rows"),
    ("deep.json", b"[" * 100_000 + b"]" * 100_000, TEXTS, "{path} is nested too deeply"),
    ("deep.jsonl", b'{"text":' * 100_000 + b"\n", TEXTS, "line 1 of {path} is nested too deeply"),
    (
        "half.jsonl",
        b'{"text": "a", "label": "x"}\n{"text": "b\\ud83d", "label": "y"}\n',
        TEXTS,
        "line 2 of {path} contains \\ud83d, which is half of a character (a lone surrogate)",
    ),
    (
        "half.json",
        b'[{"te\\udc00xt": "a"}]',
        TEXTS,
        "line 1 of {path} contains \\udc00, which is half of a character",
    ),
    (
        "names.jsonl",
        "\n".join(f'{{"name {i}": {i}}}' for i in range(1_500)).encode(),
        TEXTS,
        "the 1,500 objects of {path} have 1,500 different names, such as 'name 0', 'name 1', 'name",
    ),
    (".zip", zipped(a_dot_csv=b"a,b\nc,d\n"), TEXTS, "{path} has no column 'label' for --label"),
    (".zip", b"PK\x03\x04 and no more", TEXTS, "{path} is plain text and has no labels"),
    (
        "plain.txt",
        b"a text\n",
        {},
        "{path} is plain text and has no labels: training needs a table (CSV, TSV, JSON lines, "
        "Parquet) or a folder with a file or a folder for each class",
    ),
    (
        "cut.csv.gz",
        gzip.compress(b"text,label\na,b\n" * 100, mtime=0)[:40],
        TEXTS,
        "{path} is damaged or truncated (",
    ),
    (
        "half.csv",
        b"\xff\xfet\x00e\x00x\x00t\x00,",
        TEXTS,
        "{path} begins like UTF-16 but is not: save it again as UTF-8",
    ),
    # numeric series
    ("a.ts", b"1,2,3:1\n", {}, "line 1 of {path} is '1,2,3:1': above @data each line begins"),
    ("a.ts", b"@classLabel true a b\n", {}, "{path} has no line @data: it is not a .ts file"),
    ("a.ts", b"@classLabel true a b\n@data\n", {}, "{path} has no series below @data"),
    ("a.ts", b"@timeStamps true\n@data\n", {}, "{path} has time stamps (@timeStamps true)"),
    (
        "a.ts",
        b"@classLabel true a\n@data\n(0,1.5),(1,2):a\n",
        {},
        "line 3 of {path} has time stamps, (time,value): write only the values",
    ),
    (
        "a.ts",
        b"@classLabel true a b\n@data\n1,2:c\n",
        {},
        "line 3 of {path} ends in 'c', which is not one of the classes of @classLabel (a, b)",
    ),
    (
        "a.ts",
        b"@classLabel true a b\n@data\n1,2:3,4:a\n1,2:b\n",
        {},
        "line 4 of {path} has 1 channels, and the lines before it have 2",
    ),
    (
        "a.ts",
        b"@classLabel true a b\n@data\n1,2:3:a\n",
        {},
        "line 3 of {path}: its channels have 2, 1 steps",
    ),
    (
        "a.ts",
        b"@classLabel true a b\n@data\n1,two:a\n",
        {},
        "line 3 of {path} has 'two', which is not a number",
    ),
    (
        "a.ts",
        b"@targetlabel true\n@data\n1,2:0.5\n",
        {},
        "{path} has @targetlabel: numbers to predict, not classes",
    ),
    ("a.ts", b"@data\n1,2\n", {}, "{path} has no labels, and training needs one for each series"),
    ("a.npz", b"PK\x03\x04 no zip", {}, "{path} is not a complete .npz file ("),
    ("a.npz", bare(np.zeros(3)), {}, "{path} is one array: save it with numpy.savez(x=..., y=...)"),
    (
        "a.npz",
        saved(x=np.array([[1], [1, 2]], object), y=[0, 1]),
        {},
        "{path} holds Python objects, which can contain code and are never loaded",
    ),
    ("a.npz", saved(z=np.zeros(3)), {}, "{path} contains 'z': name the series x"),
    (
        "a.npz",
        saved(x=np.zeros((2, 3)), y=[0, 1, 2]),
        {},
        "{path} contains 2 series, but y has the shape",
    ),
    ("a.npz", saved(x=np.zeros(3), y=[0, 1, 2]), {}, "{path}: x has the shape (3,)"),
    ("a.npz", saved(x=np.array(["a"]), y=[0]), {}, "{path}: x is of type <U1"),
    (
        "a.npz",
        saved(x=np.full((2, 3), np.inf), y=[0, 1]),
        {},
        "{path}: x contains infinite numbers, or some beyond 3.4e+38: use NaN for missing",
    ),
    ("a.npz", saved(x=np.full((2, 3), 1e300), y=[0, 1]), {}, "{path}: x contains infinite numbers"),
    ("a.npz", saved(x=np.zeros((0, 3)), y=[]), {}, "{path}: x is empty: its shape is (0, 3)"),
    ("a.npz", saved(x=np.zeros((2, 0)), y=[0, 1]), {}, "{path}: x is empty: its shape is (2, 0)"),
    ("a.npz", saved(x=np.zeros(()), y=[0]), {}, "{path}: x has the shape ()"),
    (
        "a.npz",
        saved(x=np.zeros((2, 3)), y=[[0], [1]]),
        {},
        "{path} contains 2 series, but y has the shape",
    ),
    ("a.npz", saved(x=np.zeros((2, 3)), y=[1j, 2]), {}, "{path}: y is of type complex128"),
    (
        "a.npz",
        saved(x=np.zeros((2, 3)), y=[b"\xff", b"a"]),
        {},
        "{path}: y contains bytes that are",
    ),
    ("a.npz", saved(x=np.zeros((2, 3), complex), y=[0, 1]), {}, "{path}: x is of type complex128"),
    ("a.npz", saved(x=np.zeros((2, 3), bool), y=[0, 1]), {}, "{path}: x is of type bool"),
    *(
        ("a.npz", saved(x=np.zeros((5, 2)), lengths=np.array(lengths), y=[0, 1]), {}, wanted)
        for lengths, wanted in (
            ([7, -2], "{path}: lengths is of type int64 and shape (2,), and must have one integer"),
            ([2.5, 2.5], "{path}: lengths is of type float64 and shape (2,)"),
            ([[2, 3]], "{path}: lengths is of type int64 and shape (1, 2)"),
            (["2", "3"], "{path}: lengths is of type <U1"),
            ([5, 0], "{path}: a series has 0 steps"),
            ([2**62, 2**62, 2**63 - 3], "{path}: lengths add up to 18446744073709551613"),
        )
    ),
    (
        "a.npz",
        saved(x=np.zeros((5, 2)), lengths=np.array([2, 2]), y=[0, 1]),
        {},
        "{path}: lengths add up to 4, and x has the shape (5, 2)",
    ),
    (
        "long.csv",
        b"series,step,label,v\n1,1,a,0\n1,2,b,1\n2,1,b,0\n",
        {"series": "series", "label": "label"},
        "the series '1' of {path} has 'a', 'b': each series has one label, the same in all of its",
    ),
    (
        "long.csv",
        b"series,step,label,v\n1,1,a,0\n1,2,a,wet\n2,1,b,0\n",
        {"series": "series", "label": "label"},
        "row 2 of {path} has 'wet' in the column 'v', which is not a number: correct it, leave "
        "the cell empty, or name another column",
    ),
    (
        "long.csv",
        b"series,step,label,v\n1,1,a,0\n1,2,a,inf\n2,1,b,0\n",
        {"series": "series", "label": "label"},
        "row 2 of {path} has 'inf' in the column 'v': a network cannot learn from an infinite",
    ),
    (
        "large.csv",
        b"label,v1,v2\na,0,1\nb,-1e300,2\n",
        {"label": "label"},
        "row 2 of {path} has '-1e300' in the column 'v1': a network cannot learn from numbers "
        "beyond 3.4e+38; leave the cell empty, or rescale the column",
    ),
    ("a.ts", b"@classLabel true a b\n@data\n1,1e300:a\n", {}, "line 3 of {path} has an infinite"),
]
