"""The report of a composer. In: the fitted parts and its pieces. Out: a `Page`; next: the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from unrolled.cells.choosing import ChosenCell
from unrolled.data.piano_roll import SILENT, bars_of
from unrolled.report.blocks import Figure, Page, Prose, Section, Table
from unrolled.report.drawing import Panel
from unrolled.report.numbers import counted
from unrolled.report.piano_roll import piano_roll
from unrolled.tasks.compose.job import frequencies
from unrolled.tasks.compose.model import MusicNetwork
from unrolled.tasks.compose.player import player
from unrolled.tasks.reporting import every_parameter, learning, the_cell, trained_on
from unrolled.training.job import State

# Nats per step on the quarter-note chorales in papers, for comparison: other pieces and split.
PUBLISHED = (
    "LSTM 8.45, GRU 8.43, TCN 8.10 (Bai et al. 2018), and 5.56 for an RNN-NADE, which like this "
    "network scores whole chords (Boulanger-Lewandowski et al. 2012)"
)


@dataclass(frozen=True)
class Findings:
    """The content of the page."""

    config: Mapping[str, Any]
    cell: ChosenCell
    model: MusicNetwork
    state: State
    rolls: Mapping[str, Sequence[Any]]
    part: str  # the part that `piece` is from
    steps: int
    tempo: float
    piece: Any
    given: int  # number of its steps in the given beginning
    voice: Any
    free: Any
    continued: Any
    harmonized: Any
    notes: Sequence[str]
    command: str

    @property
    def best(self) -> Mapping[str, Any]:
        """The record of the epoch whose weights are kept."""
        kept = self.state.best_epoch
        lines = [line for line in self.state.history if line.get("epoch") == kept]
        return lines[0] if lines else self.state.history[-1]


def page_of(found: Findings) -> Page:
    """The whole report."""
    weights = sum(weight.numel() for weight in found.model.parameters())
    part = next(p for p in ("test", "validation", "train") if f"{p}_notes" in found.best)
    figure = found.best[f"{part}_notes"]
    shown = {"notes": "keys that sound (nats per step)", "loss": "loss (nats per step)"}
    return Page(
        title="A network that composes",
        lead=(
            f"A recurrent network ({found.cell.name}) reaches a negative log-likelihood of "
            f"{figure:.2f} nats per step on the {part} set. Listen to how it harmonizes a melody, "
            "continues a beginning, and composes freely."
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


def _by_frequency(found: Findings) -> float:
    """The same for a model that knows only the frequency of each key."""
    chances = frequencies(np.concatenate(found.rolls["train"]))
    sounding = np.concatenate(found.rolls[found.part]) != SILENT
    return float(-np.log(np.where(sounding, chances, 1 - chances)).sum(1).mean())


def listed(found: Findings) -> dict[str, tuple[Any, Any, float]]:
    """The pieces for the player: title -> grid, its given part, tempo."""
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
    rows: list[list[Any]] = [["part", "pieces", "total steps", "median steps", "keys per step"]]
    for name, rolls in found.rolls.items():
        lengths = [len(roll) for roll in rolls]
        sounding = sum(int((roll > 0).sum()) for roll in rolls)
        at_once = f"{sounding / sum(lengths):.2f}"
        rows.append([name, len(rolls), sum(lengths), round(float(np.median(lengths))), at_once])
    return rows


def _composed(found: Findings) -> Section:
    quarters = found.given / found.steps
    return Section(
        "Compositions",
        [
            Prose(
                f"Each row is a key. There {'is' if found.steps == 1 else 'are'} "
                f"{counted(found.steps, 'step')} per quarter note. The melody and the beginning "
                f"are from a piece of the {found.part} set, which was not used for training."
                if found.part != "train"
                else "Each row is a key. There was only one piece, so the melody and the "
                "beginning are from the training data."
            ),
            Figure(
                "harmonized", "A melody, harmonized",
                _drawn(found, found.harmonized, found.voice),
                "piano roll: the given melody on top, composed voices below",
                "The melody was given, and the rest composed. Many pieces were sampled at once; "
                "those in which the melody is probable were kept.",
            ),
            Figure(
                "continued", "A beginning, continued",
                _drawn(found, found.continued, found.continued[: found.given]),
                "piano roll: the given beginning, then the composed part",
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
    rows.append([f"each key by its frequency ({found.part} set)", _by_frequency(found), "–", "–"])
    return Section(
        "Results",
        [
            Table(
                "nats",
                "Negative log-likelihood in nats per step, at the epoch whose weights are kept. "
                "On the training set it is measured during training, with transposition and "
                "dropout.",
                ["part", "keys that sound", "struck again", "both"],
                rows,
            ),
            Prose(
                "The first column is the measure that papers on polyphonic music use. On Bach's "
                "chorales (with their own split, one step per quarter note) they report "
                f"{PUBLISHED}. Results for other pieces or other steps are not comparable."
            ),
        ],
    )
