"""The report of a translator. In: the fitted parts and its data. Out: a `Page`; next: the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from unrolled.cells.choosing import ChosenCell
from unrolled.data.edits import edits
from unrolled.report.blocks import Block, Figure, Page, Prose, Section, Table
from unrolled.report.figures import heat_map
from unrolled.tasks.reporting import every_parameter, learning, quoted, the_cell, trained_on
from unrolled.tasks.translate.job import PairPart
from unrolled.tasks.translate.model import TranslationNetwork
from unrolled.training.job import State

LISTED = 6  # best and worst pairs
TOKENS_DRAWN = 30  # of a side in a map of attention: more names do not fit on a phone


@dataclass(frozen=True)
class Reading:
    """What each token of a target looked at."""

    source: Sequence[str]
    target: Sequence[str]
    weights: Any  # (target, source), rows sum to 1


@dataclass(frozen=True)
class Findings:
    """Everything the page is made of."""

    config: Mapping[str, Any]
    cell: ChosenCell
    model: TranslationNetwork
    state: State
    parts: Mapping[str, PairPart]
    part: str  # which part what follows is about
    sources: Sequence[str]
    targets: Sequence[str]
    said: Sequence[str]
    scores: Mapping[str, float]
    readings: Sequence[Reading]
    notes: Sequence[str]
    command: str


def page_of(found: Findings) -> Page:
    """The whole report."""
    weights = sum(weight.numel() for weight in found.model.parameters())
    shown = {"loss": "loss (nats per token)", "accuracy": "token accuracy"}
    return Page(
        title="A sequence-to-sequence network",
        lead=(
            f"A recurrent encoder and decoder ({found.cell.name}) with attention reaches BLEU "
            f"{found.scores['bleu']:.1f} on {len(found.said):,} pairs of the {found.part} set; "
            f"{found.scores['exact']:.1%} of the answers match the target exactly."
        ),
        sections=[
            trained_on(found.config, _part_rows(found), found.notes),
            the_cell(found.cell, weights),
            learning(found.state.history, found.state.best_epoch, shown),
            _how_good(found),
            _attention(found),
            every_parameter(found.config),
        ],
        command=found.command,
    )


def _part_rows(found: Findings) -> list[list[Any]]:
    rows: list[list[Any]] = [["part", "pairs", "tokens per source", "tokens per target"]]
    for name, data in found.parts.items():
        middle = [int(np.median(side.lengths)) for side in (data.sources, data.targets)]
        rows.append([name, len(data), *middle])
    return rows


def _how_good(found: Findings) -> Section:
    scores = found.scores
    blocks: list[Block] = [
        Table(
            "scores",
            f"On {len(found.said):,} pairs of the {found.part} set, by beam search. BLEU and chrF "
            "are computed by sacrebleu without further tokenization. Error rates are insertions, "
            "deletions and substitutions divided by the length of the targets.",
            ["figure", "value"],
            [
                ["BLEU", f"{scores['bleu']:.2f}"],
                ["chrF", f"{scores['chrf']:.2f}"],
                ["word error rate", f"{100 * scores['word_error_rate']:.2f} %"],
                ["character error rate", f"{100 * scores['character_error_rate']:.2f} %"],
                ["exact match", f"{100 * scores['exact']:.2f} %"],
            ],
        )
    ]
    pairs = list(zip(found.sources, found.targets, found.said))
    far = np.array([edits(b, c) / max(1, len(b)) for _, b, c in pairs])
    order = np.argsort(far, kind="stable")
    columns = ["source", "target", "answer"]
    for key, caption, rows in (
        ("near", "The best answers.", order[:LISTED]),
        ("far", "The worst answers.", order[::-1][:LISTED]),
    ):
        listed = [[quoted(text) for text in pairs[row]] for row in rows]
        blocks.append(Table(key, caption, columns, listed))
    return Section("Results", blocks)


def _attention(found: Findings) -> Section:
    blocks: list[Block] = [
        Prose(
            "Each row is a token of the answer. The colors are its attention weights over the "
            "tokens of the source, which sum to 1."
        )
    ]
    for number, one in enumerate(found.readings, 1):
        source, target = one.source[:TOKENS_DRAWN], one.target[:TOKENS_DRAWN]
        panel = heat_map(
            one.weights[:TOKENS_DRAWN, :TOKENS_DRAWN], x_label="source", y_label="target",
            unit="weight", columns=[_named(t) for t in source], rows=[_named(t) for t in target],
            limits=(0.0, 1.0),
        )  # fmt: skip
        title = f"Attention, pair {number}"
        blocks.append(Figure(f"attention-{number}", title, panel, "heat map of weights"))
    return Section("Attention", blocks)


def _named(token: str) -> str:
    return token if token.strip() else "␣"
