"""The report of a captioner. In: the fitted parts and its data. Out: a `Page`; next: the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from unrolled.cells.choosing import ChosenCell
from unrolled.networks.encoder_decoder import EncoderDecoder
from unrolled.report.blocks import Block, Figure, Page, Prose, Section
from unrolled.report.pictures import picture_with_maps
from unrolled.tasks.reporting import every_parameter, learning, quoted, the_cell, trained_on
from unrolled.tasks.target_page import nearest_and_farthest, score_table
from unrolled.training.job import State

TOKENS_DRAWN = 12  # of a text, each with a map


@dataclass(frozen=True)
class Look:
    """Where each token of a text looked."""

    pixels: Any  # (height, width, 1 or 3), uint8
    said: Sequence[str]
    weights: Any  # (tokens, rows, columns of the grid): each token's sum to 1


@dataclass(frozen=True)
class Findings:
    """Everything the page is made of."""

    config: Mapping[str, Any]
    cell: ChosenCell
    model: EncoderDecoder
    state: State
    parts: Mapping[str, Any]  # a `PicturePart` each
    part: str  # which part what follows is about
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
    shown = {"loss": "loss (nats a token)", "accuracy": "tokens right (share)"}
    return Page(
        title="A network that says what is in a picture",
        lead=(
            f"Convolutions and a recurrent decoder ({found.cell.name}) with attention get "
            f"{found.scores['exact']:.1%} of the texts of {len(found.said):,} pictures of the "
            f"{found.part} part right as a whole, and {found.scores['word_error_rate']:.1%} of "
            "the words wrong."
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
    rows: list[list[Any]] = [["part", "pictures", "tokens of texts"]]
    for name, data in found.parts.items():
        rows.append([name, len(data), int(data.targets.lengths.sum())])
    return rows


def _how_good(found: Findings) -> Section:
    where = f"On {len(found.said):,} pictures of the {found.part} part"
    listed = nearest_and_farthest("picture", found.names, found.targets, found.said)
    return Section("How good it is", [score_table(found.scores, where), *listed])


def _where_it_looked(found: Findings) -> Section:
    blocks: list[Block] = [
        Prose(
            "The decoder says one token after the other, and before each it looks at the picture: "
            "the stronger the color over a place, the more of its weight lies there. The weights "
            "of each token sum to 1."
        )
    ]
    for number, look in enumerate(found.looks, 1):
        maps = list(zip(look.said, look.weights))[:TOKENS_DRAWN]
        said = quoted(" ".join(look.said[:-1])).replace("`", "")
        blocks.append(
            Figure(
                f"look-{number}",
                f"Where it looked while it said: {said}",
                picture_with_maps(look.pixels, maps),
                f"the picture, and {len(maps)} maps of attention over it",
            )
        )
    return Section("Where it looked", blocks)
