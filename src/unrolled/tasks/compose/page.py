"""The report of a composer. In: the fitted parts and its pieces. Out: a `Page`; next: the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from unrolled.cells.choosing import ChosenCell
from unrolled.data.piano_roll import bars_of
from unrolled.report.blocks import Figure, Page, Prose, Section, Table
from unrolled.report.drawing import Panel
from unrolled.report.piano_roll import piano_roll
from unrolled.tasks.compose.model import MusicNetwork
from unrolled.tasks.compose.player import player
from unrolled.tasks.reporting import every_parameter, learning, the_cell, trained_on
from unrolled.training.job import State

# Nats a step on the quarter-note chorales of the papers, for scale: other pieces, another split.
PUBLISHED = "LSTM 8.45, GRU 8.43, TCN 8.10 (Bai et al. 2018)"


@dataclass(frozen=True)
class Findings:
    """Everything the page is made of."""

    config: Mapping[str, Any]
    cell: ChosenCell
    model: MusicNetwork
    state: State
    rolls: Mapping[str, Sequence[Any]]
    part: str  # where `piece` is from
    steps: int
    tempo: float
    piece: Any
    given: int  # steps of it that are the beginning
    voice: Any
    free: Any
    continued: Any
    harmonized: Any
    notes: Sequence[str]
    command: str

    @property
    def best(self) -> Mapping[str, Any]:
        """The line of the epoch whose weights are kept."""
        kept = self.state.best_epoch
        lines = [line for line in self.state.history if line.get("epoch") == kept]
        return lines[0] if lines else self.state.history[-1]


def page_of(found: Findings) -> Page:
    """The whole report."""
    weights = sum(weight.numel() for weight in found.model.parameters())
    part = next(p for p in ("test", "validation", "train") if f"{p}_notes" in found.best)
    figure = found.best[f"{part}_notes"]
    shown = {"notes": "keys that sound (nats a step)", "loss": "loss (nats a step)"}
    return Page(
        title="A network that composes",
        lead=(
            f"A recurrent network ({found.cell.name}) needs {figure:.2f} nats for the keys of each "
            f"step of the {part} part. Listen to what it makes of a melody, of a beginning, and "
            "of nothing."
        ),
        live=player(listed(found), found.steps),
        sections=[
            trained_on(found.config, _part_rows(found), found.notes),
            _composed(found),
            the_cell(found.cell, weights),
            learning(found.state.history, found.state.best_epoch, shown),
            _how_good(found),
            every_parameter(found.config),
        ],
        command=found.command,
    )


def listed(found: Findings) -> dict[str, tuple[Any, Any, float]]:
    """What the player plays: title -> grid, what of it was given, tempo."""
    nothing = np.zeros_like(found.free)
    start = np.where(np.arange(len(found.continued))[:, None] < found.given, found.continued, 0)
    pieces = {
        "a melody, harmonized": (found.harmonized, found.voice),
        "a beginning, continued": (found.continued, start),
        "composed freely": (found.free, nothing),
        f"the {found.part} piece itself": (found.piece, found.piece),
    }
    return {title: (roll, given, found.tempo) for title, (roll, given) in pieces.items()}


def _part_rows(found: Findings) -> list[list[Any]]:
    rows: list[list[Any]] = [["part", "pieces", "steps in all", "median steps", "keys at once"]]
    for name, rolls in found.rolls.items():
        lengths = [len(roll) for roll in rolls]
        sounding = sum(int((roll > 0).sum()) for roll in rolls)
        at_once = f"{sounding / sum(lengths):.2f}"
        rows.append([name, len(rolls), sum(lengths), round(float(np.median(lengths))), at_once])
    return rows


def _composed(found: Findings) -> Section:
    quarters = found.given / found.steps
    return Section(
        "What it composed",
        [
            Prose(
                f"Each row is a key, each column a step; a quarter note has {found.steps}. What "
                "was given has another color than what was composed. The melody and the beginning "
                f"are from a piece of the {found.part} part, which the network did not learn from."
                if found.part != "train"
                else "Each row is a key, each column a step. There was one piece alone, so the "
                "melody and the beginning are from what the network learned."
            ),
            Figure(
                "harmonized", "A melody, harmonized",
                _drawn(found, found.harmonized, found.voice),
                "piano roll: the given melody on top, composed voices below",
                "The melody was given, all else composed. Many pieces were drawn at once, and "
                "those in which the melody is probable were kept.",
            ),
            Figure(
                "continued", "A beginning, continued",
                _drawn(found, found.continued, found.continued[: found.given]),
                "piano roll: the given beginning, then what was composed",
                f"The first {quarters:g} quarter notes were given.",
            ),
            Figure(
                "free", "Composed freely", _drawn(found, found.free, None),
                "piano roll of a composed piece",
                "Nothing was given but a seed.",
            ),
        ],
    )  # fmt: skip


def _drawn(found: Findings, roll: Any, given: Any) -> Panel:
    return piano_roll(bars_of(roll), given, len(roll), found.steps)


def _how_good(found: Findings) -> Section:
    names = {"train": "training", "validation": "validation", "test": "test"}
    rows = [
        [title, *(found.best[f"{part}_{measure}"] for measure in ("notes", "struck_again", "loss"))]
        for part, title in names.items()
        if f"{part}_notes" in found.best
    ]
    return Section(
        "How good it is",
        [
            Table(
                "nats",
                "Negative log-likelihood in nats a step, at the epoch whose weights are kept; "
                "the training part is measured while it learns, transposed and with dropout.",
                ["part", "keys that sound", "struck again", "both"],
                rows,
            ),
            Prose(
                "The first column is the unit of the papers on polyphonic music. On their chorales "
                f"(a split of their own, one step a quarter note) they report {PUBLISHED}; the "
                "figures of other pieces and other steps cannot be compared with these."
            ),
        ],
    )
