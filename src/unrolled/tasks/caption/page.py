"""The report of a captioner. In: the fitted parts and its data. Out: a `Page`; next: the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from unrolled.cells.choosing import ChosenCell
from unrolled.networks.encoder_decoder import EncoderDecoder
from unrolled.report.blocks import Block, Figure, Page, Prose, Section
from unrolled.report.pictures import picture_with_maps
from unrolled.tasks.reporting import every_parameter, learning, quoted, the_cell, trained_on
from unrolled.tasks.target_page import best_and_worst, score_table
from unrolled.training.job import State

TOKENS_DRAWN = 12  # of a text with attention maps


@dataclass(frozen=True)
class Look:
    """The attention of each token of a text."""

    pixels: Any  # (height, width, 1 or 3), uint8
    said: Sequence[str]
    weights: Any  # (tokens, rows, columns of the grid): each token's sum to 1


@dataclass(frozen=True)
class Findings:
    """The content of the page."""

    config: Mapping[str, Any]
    cell: ChosenCell
    model: EncoderDecoder
    state: State
    parts: Mapping[str, Any]  # a `PicturePart` each
    part: str  # the part that the following fields describe
    names: Sequence[str]
    targets: Sequence[str]
    said: Sequence[str]
    scores: Mapping[str, float]
    looks: Sequence[Look]
    notes: Sequence[str]
    command: str


def page_of(found: Findings) -> Page:
    """The whole report."""
    weights = sum(weight.numel() for weight in found.model.parameters())
    shown = {"loss": "loss (nats per token)", "accuracy": "token accuracy"}
    return Page(
        title="A network that describes pictures",
        lead=(
            f"A convolutional encoder and a recurrent decoder ({found.cell.name}) with attention: "
            f"{found.scores['exact']:.1%} of the texts of {len(found.said):,} pictures of the "
            f"{found.part} set match exactly, with a word error rate of "
            f"{found.scores['word_error_rate']:.1%}."
        ),
        sections=[
            trained_on(found.config, _part_rows(found), found.notes),
            the_cell(found.cell, weights),
            learning(found.state.history, found.state.best_epoch, shown),
            _how_good(found),
            _where_it_looked(found),
            every_parameter(found.config),
        ],
        command=found.command,
    )


def _part_rows(found: Findings) -> list[list[Any]]:
    rows: list[list[Any]] = [["part", "pictures", "tokens per text"]]
    for name, data in found.parts.items():
        rows.append([name, len(data), int(np.median(data.targets.lengths))])
    return rows


def _how_good(found: Findings) -> Section:
    where = f"On {len(found.said):,} pictures of the {found.part} set"
    listed = best_and_worst("picture", found.names, found.targets, found.said)
    return Section("Results", [score_table(found.scores, where), *listed])


def _where_it_looked(found: Findings) -> Section:
    blocks: list[Block] = [
        Prose(
            "Before each token the decoder attends to the picture: the stronger the color over a "
            "place, the larger its weight. The weights of each token sum to 1."
        )
    ]
    for number, look in enumerate(found.looks, 1):
        maps = list(zip(look.said, look.weights))[:TOKENS_DRAWN]
        said = quoted(" ".join(look.said[:-1])).replace("`", "")
        blocks.append(
            Figure(
                f"look-{number}",
                f"Attention for: {said}",
                picture_with_maps(look.pixels, maps),
                f"the picture, and {len(maps)} maps of attention over it",
            )
        )
    return Section("Attention", blocks)
