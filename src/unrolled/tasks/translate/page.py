"""The report of a translator. In: the fitted parts and its data. Out: a `Page`; next: the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from unrolled.cells.choosing import ChosenCell
from unrolled.networks.encoder_decoder import EncoderDecoder
from unrolled.report.blocks import Block, Figure, Page, Prose, Section
from unrolled.report.figures import heat_map
from unrolled.tasks.reporting import every_parameter, learning, the_cell, trained_on
from unrolled.tasks.target_page import best_and_worst, score_table
from unrolled.training.job import State

TOKENS_DRAWN = 30  # of a side in an attention map: more names do not fit on a phone


@dataclass(frozen=True)
class Reading:
    """The attention of each token of a target."""

    source: Sequence[str]
    target: Sequence[str]
    weights: Any  # (target, source), rows sum to 1


@dataclass(frozen=True)
class Findings:
    """The content of the page."""

    config: Mapping[str, Any]
    cell: ChosenCell
    model: EncoderDecoder
    state: State
    parts: Mapping[str, Any]  # a `PairPart` each
    part: str  # the part that the following fields describe
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
    where = f"On {len(found.said):,} pairs of the {found.part} set"
    listed = best_and_worst("source", found.sources, found.targets, found.said)
    return Section("Results", [score_table(found.scores, where), *listed])


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
