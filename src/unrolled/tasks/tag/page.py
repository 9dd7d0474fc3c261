"""The report of a tagger. In: the fitted parts and its data. Out: a `Page`; next: the run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from unrolled.cells.choosing import ChosenCell
from unrolled.data.schemes import spans
from unrolled.report.blocks import Block, Figure, Live, Page, Prose, Section, Table
from unrolled.report.figures import confusion_matrix, heat_map
from unrolled.report.numbers import counted
from unrolled.tasks.live import with_reason
from unrolled.tasks.reporting import (
    every_parameter,
    learning,
    quoted,
    the_cell,
    trained_on,
)
from unrolled.tasks.tag.figures import Said, Tally, scores
from unrolled.tasks.tag.job import TaggedPart
from unrolled.tasks.tag.model import TagNetwork
from unrolled.training.job import State

LISTED = 8  # most uncertain sentences
WORDS_SHOWN = 40  # of such a sentence
TAGS_DRAWN = 30  # in a matrix: more are not readable


@dataclass(frozen=True)
class Told:
    """The predictions of a network on a part of the data."""

    sentences: Sequence[Sequence[str]]
    tally: Tally
    actual: Sequence[Sequence[str]]
    said: Sequence[Said]

    @property
    def accuracy(self) -> float:
        return float(np.trace(self.tally.confusion) / self.tally.confusion.sum())


@dataclass(frozen=True)
class Findings:
    """The content of the page."""

    config: Mapping[str, Any]
    cell: ChosenCell
    model: TagNetwork
    state: State
    tags: Sequence[str]
    scheme: str
    parts: Mapping[str, TaggedPart]
    told: Told
    told_part: str
    notes: Sequence[str]
    live: Live | str  # a sentence if the page has no network
    command: str

    @property
    def has_spans(self) -> bool:
        return self.scheme != "plain"


def page_of(found: Findings) -> Page:
    """The whole report."""
    weights = sum(weight.numel() for weight in found.model.parameters())
    shown = {"loss": "loss (nats per word)"}
    shown |= {"f1": "F1 (spans)"} if found.has_spans else {"accuracy": "accuracy"}
    notes = with_reason(found.notes, found.live)
    return Page(
        title=_title(found),
        lead=_lead(found),
        sections=[
            trained_on(found.config, _part_rows(found), notes),
            the_cell(found.cell, weights),
            learning(found.state.history, found.state.best_epoch, shown),
            _how_good(found),
            _doubtful(found),
            _transitions(found),
            every_parameter(found.config),
        ],
        command=found.command,
        live=found.live if isinstance(found.live, Live) else None,
    )


def _title(found: Findings) -> str:
    if found.has_spans:
        return f"A tagger of {counted(len(found.told.tally.found), 'kind')} of spans"
    return f"A tagger of {counted(len(found.tags), 'tag')}"


def _lead(found: Findings) -> str:
    told = found.told
    begins = f"A recurrent network ({found.cell.name}) with a CRF on top"
    words = int(told.tally.confusion.sum())
    if found.has_spans:
        right, said, actual = told.tally.counts()
        return (
            f"{begins} finds {right:,} of the {actual:,} spans in the {found.told_part} set and "
            f"predicts {said:,}: an F1 of {scores(right, said, actual)['f1']:.2%}."
        )
    return (
        f"{begins} tags {told.accuracy:.2%} of the {words:,} words of the {found.told_part} set "
        f"correctly; always guessing the most frequent tag scores {_commonest(told):.2%}."
    )


def _commonest(told: Told) -> float:
    confusion = told.tally.confusion
    return float(confusion.sum(1).max() / confusion.sum())


def _part_rows(found: Findings) -> list[list[Any]]:
    rows: list[list[Any]] = [["part", "sentences", "words", "median length", "maximum length"]]
    for name, data in found.parts.items():
        lengths = data.words.lengths
        rows.append(
            [name, len(data), int(lengths.sum()), int(np.median(lengths)), int(lengths.max())]
        )
    return rows


def _how_good(found: Findings) -> Section:
    tally = found.told.tally
    blocks: list[Block] = []
    if found.has_spans:
        rows = [[f"`{kind}`", *_percent(*counts)] for kind, counts in sorted(tally.found.items())]
        rows.append(["all", *_percent(*tally.counts())])
        blocks.append(
            Table(
                "spans",
                f"Spans of the {found.told_part} set, counted as in conlleval: a span is correct "
                "if its first word, its last word and its type are.",
                ["type", "actual", "predicted", "correct", "precision", "recall", "F1"],
                rows,
            )
        )
    blocks.append(
        Table(
            "tags",
            f"Words of the {found.told_part} set, by tag. Accuracy over all words: "
            f"{found.told.accuracy:.2%}.",
            ["tag", "words", "recall", "precision"],
            _tag_rows(found),
        )
    )
    if len(found.tags) <= TAGS_DRAWN:
        panel = confusion_matrix(tally.confusion, list(found.tags))
        blocks.append(
            Figure("confusion", "Confusion matrix", panel, "confusion matrix",
                   "Rows: true tag. Columns: predicted tag.")
        )  # fmt: skip
    return Section("Results", blocks)


def _percent(right: int, said: int, actual: int) -> list[Any]:
    found = scores(right, said, actual)
    shares = [f"{100 * found[name]:.2f} %" for name in ("precision", "recall", "f1")]
    return [actual, said, right, *shares]


def _tag_rows(found: Findings) -> list[list[Any]]:
    table, rows = found.told.tally.confusion, []
    for number, name in enumerate(found.tags):
        is_so, said, right = table[number].sum(), table[:, number].sum(), table[number, number]
        recall = f"{100 * right / is_so:.1f} %" if is_so else "–"
        precision = f"{100 * right / said:.1f} %" if said else "–"
        rows.append([quoted(name, 40), int(is_so), recall, precision])
    return rows


def _doubtful(found: Findings) -> Section:
    """The sentences with the lowest probability per word."""
    told = found.told
    doubt = np.array([one.log_probability / len(one.tags) for one in told.said])
    rows: list[list[Any]] = []
    seen: set[tuple[str, ...]] = set()
    for row in np.argsort(doubt, kind="stable"):
        words = told.sentences[row]
        if tuple(words) not in seen and len(rows) < LISTED:
            seen.add(tuple(words))
            rows.append([
                quoted(_marked(found, words, told.said[row].tags), 400),
                quoted(_marked(found, words, told.actual[row]), 400),
                f"{100 * math.exp(doubt[row]):.0f} %",
            ])  # fmt: skip
    table = Table(
        "doubt",
        f"From the {found.told_part} set. The probability is that of the whole sequence of tags, "
        "per word (geometric mean). Where the network is uncertain and wrong, the tags "
        "themselves are often worth checking.",
        ["predicted", "true", "probability"],
        rows,
    )
    return Section("The most uncertain sentences", [table])


def _marked(found: Findings, words: Sequence[str], tags: Sequence[str]) -> str:
    """A sentence with its spans in brackets, or with a tag after each word."""
    if not found.has_spans:
        pairs = [f"{word}/{tag}" for word, tag in zip(words, tags)]
        return " ".join(pairs[:WORDS_SHOWN])
    shown = list(words)
    for begin, end, kind in spans(tags):
        shown[begin] = f"[{shown[begin]}"
        shown[end - 1] = f"{shown[end - 1]}]({kind})"
    return " ".join(shown[:WORDS_SHOWN])


def _transitions(found: Findings) -> Section:
    """The section on the transition scores of the CRF."""
    blocks: list[Block] = [
        Prose(
            "The CRF adds a score for each pair of adjacent tags to the scores that the recurrent "
            "layers give each word, and chooses the sequence with the largest sum. A tag that fits "
            "its word may still lose to one that fits its neighbors."
            + (" Pairs that violate the scheme are ruled out." if found.has_spans else "")
        )
    ]
    if len(found.tags) <= TAGS_DRAWN:
        crf = found.model.crf
        values = crf.after.detach().numpy().copy()
        values[crf.get_buffer("barred_after").numpy() < 0] = np.nan
        panel = heat_map(
            values, x_label="tag", y_label="tag before", unit="score", center=0.0,
            columns=list(found.tags), rows=list(found.tags),
        )  # fmt: skip
        blocks.append(
            Figure("transitions", "Transition scores", panel, "heat map of scores",
                   "Above 0: more frequent than the words alone explain. Empty: ruled out.")
        )  # fmt: skip
    return Section("Transitions between tags", blocks)
