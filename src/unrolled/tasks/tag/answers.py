"""Output formats of tags. In: text, words, tags. Out: JSON lines, CoNLL columns, HTML; next: cli.

A plain text is split into sentences and words with their positions, so that spans refer to
characters of the text.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from unrolled.data import restoring
from unrolled.data.schemes import spans

FORMATS = ("json", "conll", "html")
# A word with apostrophes, hyphens, dots between digits; an address or tag of the web
WORD = re.compile(r"https?://\S+|[@#]\w+|\w+(?:[-'’.,:/&]\w+)*(?:['’]\w+)?|[^\w\s]")
ENDS = re.compile(r"""(?<=[.!?…])["'”’)\]]*\s+(?=["'“‘(\[]?[A-ZÀ-Þ\d])""")
COLOURS = ("#ffd8a8", "#b2f2bb", "#a5d8ff", "#eebefa", "#ffc9c9", "#ffec99", "#99e9f2", "#d0bfff")


@dataclass(frozen=True)
class Sentence:
    """Words with their positions in the text."""

    text: str
    words: list[str]
    places: list[tuple[int, int]]

    @classmethod
    def of_words(cls, words: Sequence[str]) -> Sentence:
        """Words with a space between."""
        places, begin = [], 0
        for word in words:
            places.append((begin, begin + len(word)))
            begin += len(word) + 1
        return cls(" ".join(words), list(words), places)


def sentences_in(line: str) -> Iterator[Sentence]:
    """The sentences of a line of plain text; sentences without words are skipped."""
    begin = 0
    for end in [*(found.end() for found in ENDS.finditer(line)), len(line)]:
        text = line[begin:end].rstrip()
        found = list(WORD.finditer(text))
        if found:
            words, places = [one[0] for one in found], [one.span() for one in found]
            yield Sentence(text, words, places)
        begin = end


def as_plain(sentence: Sentence, said: Any, has_spans: bool) -> dict[str, Any]:
    """The text with its spans, or words with their tags."""
    answer: dict[str, Any] = {"text": sentence.text}
    if has_spans:
        answer["spans"] = [
            {
                "text": sentence.text[sentence.places[begin][0] : sentence.places[end - 1][1]],
                "kind": kind,
                "begin": sentence.places[begin][0],
                "end": sentence.places[end - 1][1],
                "probability": round(min(said.probabilities[begin:end]), 4),
            }
            for begin, end, kind in spans(said.tags)
        ]
    else:
        answer |= {"tokens": sentence.words, "tags": said.tags}
        answer["probabilities"] = [round(one, 4) for one in said.probabilities]
    return answer


def as_json(sentence: Sentence, said: Any, has_spans: bool) -> str:
    """One object on one line."""
    return json.dumps(as_plain(sentence, said, has_spans), ensure_ascii=False)


def put_back(model: Any, line: str, kind: str) -> str:
    """A line restored by its tagger; an empty line stays empty."""
    if not line.strip():
        return ""
    items = restoring.restoring([line], kind).sentences
    between = "" if kind == "diacritics" else " "
    tags = model.predict(items)
    return between.join(restoring.restored(*one, kind) for one in zip(items, tags))


def as_conll(sentence: Sentence, said: Any) -> str:
    """A word and its tag on each line, and an empty line."""
    lines = [f"{word}\t{tag}" for word, tag in zip(sentence.words, said.tags)]
    return "\n".join([*lines, ""])


def as_html(sentence: Sentence, said: Any, has_spans: bool, colours: dict[str, str]) -> str:
    """A paragraph in which each span or word has the color of its kind."""
    found = (
        [(begin, end, kind) for begin, end, kind in spans(said.tags)]
        if has_spans
        else [(place, place + 1, tag) for place, tag in enumerate(said.tags)]
    )
    parts, at = [], 0
    for begin, end, kind in found:
        first, last = sentence.places[begin][0], sentence.places[end - 1][1]
        colour = colours.setdefault(kind, COLOURS[len(colours) % len(COLOURS)])
        inside = html.escape(sentence.text[first:last])
        parts.append(html.escape(sentence.text[at:first]))
        parts.append(
            f'<mark style="background:{colour}">{inside}<small>{html.escape(kind)}</small></mark>'
        )
        at = last
    return f"<p>{''.join(parts)}{html.escape(sentence.text[at:])}</p>"


HTML_BEGINS = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Tagged</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body { font: 1.05rem/1.9 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto;
  padding: 0 1rem; color: #222; background: #fff }
mark { border-radius: .3em; padding: .1em .3em; color: #222 }
mark small { font-size: .65em; margin-left: .4em; opacity: .7; text-transform: uppercase }
</style></head><body>"""
HTML_ENDS = "</body></html>"
