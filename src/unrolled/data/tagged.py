"""Sentences with a tag for each word. In: CoNLL, CoNLL-U, JSON lines, a table of words.

    EU      B-org        {"tokens": ["EU", "rejects"], "tags": ["B-org", "O"]}       word,tag
    rejects O                                                                        EU,B-org

CoNLL files have a blank line between sentences; a table has an empty row there, or a column that
identifies the sentence. A sentence with a missing tag is left out and counted.
Out: `Tagged`; next: tag.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unrolled.data.notes import Notes, listed, nearest
from unrolled.data.opening import Survey, existing, kind_of, note_encoding, survey, text_lines
from unrolled.data.schemes import SCHEMES, scheme_of, spans, tags_of
from unrolled.data.splits import hold_out
from unrolled.data.tables import read_table
from unrolled.errors import DataError
from unrolled.literal import because, quoted

TABLES = (".csv", ".tsv", ".parquet", ".pq")
JSON = (".json", ".jsonl", ".ndjson")
WORD_NAMES = ("word", "token", "form", "words", "tokens")
TAG_NAMES = ("tag", "tags", "label", "ner", "ner_tags", "upos", "pos", "labels")
SENTENCE_NAMES = ("sentence", "sentence_id", "sent_id", "sentence #")
CONLLU = {  # the columns of a CoNLL-U file
    name: number
    for number, name in enumerate(
        ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
    )
}


@dataclass(frozen=True)
class Columns:
    """The names of the columns; None: find them."""

    word: str | None = None
    tag: str | None = None
    sentence: str | None = None


@dataclass
class Tagged:
    """Words and tags of each sentence; no tags if they were not requested."""

    sentences: list[list[str]] = field(default_factory=list)
    tags: list[list[str]] = field(default_factory=list)
    scheme: str = "plain"
    notes: Notes = field(default_factory=Notes)

    def __len__(self) -> int:
        return len(self.sentences)

    def select(self, rows: Any) -> Tagged:
        """The items at `rows`, in this order."""
        tags = [self.tags[row] for row in rows] if self.tags else []
        return Tagged([self.sentences[row] for row in rows], tags, self.scheme, self.notes)

    def hold_out(self, share: float, seed: int) -> tuple[Tagged, Tagged | None]:
        """The training data and about a `share` for testing, with equal sentences kept together."""
        if share == 0:
            return self, None
        together = [tuple(one) for one in self.sentences]
        learned, held = hold_out([""] * len(self), share, seed, together)
        return self.select(learned), self.select(held)


Rows = Iterator[tuple[int, list[str], list[str | None]]]  # line, words, tags


def read_tagged(
    source: str | Path,
    columns: Columns | None = None,
    *,
    labelled: bool = True,
    scheme: str | None = None,
) -> Tagged:
    """The sentences of a file; `scheme` overrides the detected scheme of spans."""
    path, notes, columns = existing(source), Notes(), columns or Columns()
    read = _reader(kind_of(path))
    found, left_out, total = Tagged(notes=notes), 0, 0
    first = None
    for line, words, tags in read(path, columns, labelled, notes):
        total += 1
        if labelled and any(not tag for tag in tags):
            left_out += 1
            first = first or line
            continue
        found.sentences.append(words)
        if labelled:
            found.tags.append([str(tag) for tag in tags])
    if not total:
        raise DataError(f"{path} has no sentence: each line must have a word and its tag")
    if left_out == total:
        raise DataError(
            f"{path}: no sentence has a tag for every word (the first begins at line {first}): "
            "name the column of the tags with --tag"
        )
    notes.count(left_out, total, "sentences", f"lack a tag (the first at line {first}) and were "
                "left out")  # fmt: skip
    if labelled:
        found.scheme = settle_scheme(found, scheme)
    return found


def _reader(kind: str) -> Callable[[Path, Columns, bool, Notes], Rows]:
    if kind in TABLES:
        return _table
    return _json_lines if kind in JSON else _lines


def settle_scheme(found: Tagged, asked: str | None) -> str:
    """The scheme of the tags; tags that violate it are rewritten as conlleval reads them.

    Tags in the older form, in which B only separates adjacent spans, are converted to BIO.
    """
    if asked is not None and asked not in SCHEMES:
        raise DataError(f"--scheme must be one of {', '.join(SCHEMES)}, not {asked!r}")
    scheme = asked or scheme_of(found.tags)
    if scheme == "plain":
        return scheme
    written = [tags_of(spans(tags), len(tags), scheme) for tags in found.tags]
    letters = [[tag[:1] for tag in tags] for tags in found.tags]
    changed = sum([tag[:1] for tag in after] != before for after, before in zip(written, letters))
    if scheme in ("bio", "bioes"):
        found.notes.count(
            changed, len(written), "sentences",
            f"have tags that violate {scheme.upper()}, and were read like conlleval does: a "
            "span begins wherever a tag cannot continue the previous one",
        )  # fmt: skip
    found.tags = written
    return scheme


# ------------------------------------------------------------------------------- lines of columns


def _lines(path: Path, columns: Columns, labelled: bool, notes: Notes) -> Rows:
    found = survey(path)
    note_encoding(path, found, notes)
    if columns.sentence:
        raise DataError(f"--sentence names a column of a table, and {path} has blank lines instead")
    opening = next(text_lines(path, found), "")
    is_universal = kind_of(path) == ".conllu" or opening.startswith(("# newdoc", "# sent_id"))
    split = "\t" if "\t" in _first_row(path, found) else None
    choose = _chooser(path, columns, is_universal)
    words: list[str] = []
    tags: list[str | None] = []
    begin = 1
    for number, line in enumerate(text_lines(path, found), 1):
        cells = line.strip("\r\n").split(split) if line.strip() else []
        if not cells or cells[0] == "-DOCSTART-":
            if words:
                yield begin, words, tags
            words, tags = [], []
            continue
        if is_universal and (line.startswith("#") or not cells[0].isdigit()):
            continue  # comments, contractions, and empty nodes
        if not words:
            begin = number
        word, tag = choose(number, cells, labelled)
        words.append(word)
        tags.append(tag)
    if words:
        yield begin, words, tags


def _first_row(path: Path, found: Survey) -> str:
    lines = (line for line in text_lines(path, found) if line.strip() and line[0] != "#")
    return next(lines, "")


Choose = Callable[[int, list[str], bool], tuple[str, str | None]]


def _chooser(path: Path, columns: Columns, is_universal: bool) -> Choose:
    """The word and the tag of a line: by number, by name in CoNLL-U, or the first and last cell."""
    word = _place(path, columns.word, "word", is_universal)
    tag = _place(path, columns.tag, "tag", is_universal)
    if is_universal:
        word = CONLLU["form"] if word is None else word
        tag = CONLLU["upos"] if tag is None else tag
    first = 0 if word is None else word

    def choose(number: int, cells: list[str], labelled: bool) -> tuple[str, str | None]:
        least = max(first, (tag or 0) if labelled else 0)
        if labelled and tag is None and len(cells) < 2:
            return cells[first], None
        if len(cells) <= least:
            raise DataError(
                f"line {number} of {path} has {len(cells)} columns, and column {least + 1} was "
                "requested: name others with --word and --tag"
            )
        found = cells[-1 if tag is None else tag] if labelled else None
        return cells[first], None if is_universal and found == "_" else found

    return choose


def _place(path: Path, name: str | None, option: str, is_universal: bool) -> int | None:
    if name is None:
        return None
    if is_universal and name.lower() in CONLLU:
        return CONLLU[name.lower()]
    if name.isdigit() and int(name) > 0:
        return int(name) - 1
    names = f", or one of {', '.join(CONLLU)}" if is_universal else ""
    raise DataError(
        f"--{option} must be the number of a column of {path}, from 1{names}, not {quoted(name)}"
    )


# --------------------------------------------------------------------------- tables and JSON lines


def _table(path: Path, columns: Columns, labelled: bool, notes: Notes) -> Rows:
    table = read_table(path, notes)
    word = _named(path, table.columns, columns.word, WORD_NAMES, "word")
    tag = _named(path, table.columns, columns.tag, TAG_NAMES, "tag") if labelled else ""
    sentence = columns.sentence or next(
        (name for name in table.columns if name.lower() in SENTENCE_NAMES), None
    )
    forms = table.texts(word)
    kinds = table.texts(tag) if labelled else [None] * len(table)
    keys = None if sentence is None else table.texts(table.require(sentence, "--sentence"))
    words: list[str] = []
    tags: list[str | None] = []
    begin, before = 1, 0
    key: str | None = None
    for place, row in enumerate(table.rows.tolist()):
        is_new = row != before + 1 if keys is None else keys[place] not in (None, key)
        if words and is_new:
            yield begin + 1, words, tags
            words, tags = [], []
        if not words:
            begin = row
        before, key = row, key if keys is None or keys[place] is None else keys[place]
        words.append(forms[place] or "")
        tags.append(kinds[place])
    yield begin + 1, words, tags


def _named(
    path: Path, there: Sequence[str], asked: str | None, usual: Sequence[str], option: str
) -> str:
    """The requested column, or one with a known name."""
    if asked is not None:
        if asked not in there:
            raise DataError(f"{path} has no {asked!r} for --{option}; {nearest(asked, there)}")
        return asked
    by_name = {name.lower(): name for name in there}
    found = next((by_name[name] for name in usual if name in by_name), None)
    if found is None:
        raise DataError(
            f"{path} has {listed(there)}: name the one with the {option}s with --{option}"
        )
    return found


def _json_lines(path: Path, columns: Columns, labelled: bool, notes: Notes) -> Rows:
    found = survey(path)
    note_encoding(path, found, notes)
    unequal, total = [], 0
    for number, row in _objects(path, found):
        if not isinstance(row, dict):
            raise DataError(
                f"line {number} of {path} must be an object with a list of words and a list of "
                'tags: {"tokens": [...], "tags": [...]}'
            )
        total += 1
        word = _named(path, list(row), columns.word, ("tokens", *WORD_NAMES), "word")
        words = _list(path, number, word, row[word])
        tags: list[str | None] = [None] * len(words)
        if labelled:
            tag = _named(path, list(row), columns.tag, ("tags", *TAG_NAMES), "tag")
            tags = [*_list(path, number, tag, row[tag])]
        if len(tags) != len(words):
            unequal.append(number)
        elif words:
            yield number, words, tags
    notes.count(len(unequal), total, "lines", "differ in the number of tags and words (the first "
                f"is line {unequal[0] if unequal else 0}) and were left out")  # fmt: skip


def _objects(path: Path, found: Any) -> Iterator[tuple[int, Any]]:
    """The objects of JSON lines, or of one JSON list."""
    if kind_of(path) == ".json":
        try:
            values = json.loads("\n".join(text_lines(path, found)))
        except ValueError as error:
            raise DataError(f"{path} is not JSON ({because(error)})") from None
        yield from enumerate(values if isinstance(values, list) else [values], 1)
        return
    for number, line in enumerate(text_lines(path, found), 1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except ValueError as error:
                raise DataError(f"line {number} of {path} is not JSON ({because(error)})") from None


def _list(path: Path, number: int, name: str, value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str | int) for one in value):
        raise DataError(f"line {number} of {path}: {quoted(name)} must be a list of texts")
    return [str(one) for one in value]
