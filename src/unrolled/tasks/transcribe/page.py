"""The report of a transcriber. In: the fitted parts and its data. Out: a `Page`; next: the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from unrolled.cells.choosing import ChosenCell
from unrolled.data.edits import edits, text_errors
from unrolled.networks import ctc
from unrolled.report.blocks import Block, Figure, Page, Prose, Section, Table
from unrolled.report.figures import heat_map
from unrolled.tasks.reporting import every_parameter, learning, quoted, the_cell, trained_on
from unrolled.tasks.transcribe.features import HOP, LogMel, hertz, mel
from unrolled.tasks.transcribe.job import Letters, SpeechPart
from unrolled.tasks.transcribe.model import SpeechNetwork
from unrolled.training.job import State

LISTED = 12  # texts with errors
DRAWN = 3  # spectrograms
STEPS_DRAWN = 60  # of a recording: more letters do not fit on a phone


@dataclass(frozen=True)
class Findings:
    """The content of the page."""

    config: Mapping[str, Any]
    cell: ChosenCell
    model: SpeechNetwork
    state: State
    letters: Letters
    features: LogMel
    parts: Mapping[str, SpeechPart]
    part: str  # the part of `emitted` and `said`
    emitted: Sequence[Any]  # (steps, letters) each
    said: Sequence[str]
    notes: Sequence[str]
    command: str

    @property
    def actual(self) -> Sequence[str]:
        return self.parts[self.part].texts


def page_of(found: Findings) -> Page:
    """The whole report."""
    errors = text_errors(found.actual, found.said)
    weights = sum(weight.numel() for weight in found.model.parameters())
    shown = {
        "loss": "loss (nats per letter)",
        "character_error_rate": "character error rate",
    }
    return Page(
        title="A speech recognizer",
        lead=(
            f"A recurrent network ({found.cell.name}) trained with CTC has a word error rate of "
            f"{errors['word_error_rate']:.1%} on the {found.part} set, and a character error rate "
            f"of {errors['character_error_rate']:.1%}."
        ),
        sections=[
            trained_on(found.config, _part_rows(found), found.notes),
            the_cell(found.cell, weights),
            learning(found.state.history, found.state.best_epoch, shown),
            _how_good(found, errors),
            _where(found),
            every_parameter(found.config),
        ],
        command=found.command,
    )


def _part_rows(found: Findings) -> list[list[Any]]:
    rows: list[list[Any]] = [["part", "recordings", "total seconds", "median seconds", "words"]]
    for name, data in found.parts.items():
        seconds = data.features.lengths * HOP
        words = sum(len(text.split()) for text in data.texts)
        middle = f"{np.median(seconds):.2f}"
        rows.append([name, len(data), round(float(seconds.sum())), middle, words])
    return rows


def _how_good(found: Findings, errors: Mapping[str, float]) -> Section:
    rows = [
        ["words (WER)", f"{100 * errors['word_error_rate']:.2f} %"],
        ["characters (CER)", f"{100 * errors['character_error_rate']:.2f} %"],
        ["texts without an error", f"{100 * errors['exact']:.2f} %"],
    ]
    blocks: list[Block] = [
        Table(
            "errors",
            f"On the {found.part} set. Error rates are insertions, deletions and substitutions "
            "divided by the number of words (or characters) that were said.",
            ["figure", "value"],
            rows,
        )
    ]
    wrong = Counter(pair for pair in zip(found.actual, found.said) if pair[0] != pair[1])
    order = sorted(wrong, key=lambda pair: (-wrong[pair], -edits(*pair), pair))[:LISTED]
    if order:
        blocks.append(
            Table(
                "misheard",
                "The most frequent confusions.",
                ["said", "heard", "count"],
                [[quoted(one), quoted(other), wrong[one, other]] for one, other in order],
            )
        )
    return Section("Results", blocks)


def _where(found: Findings) -> Section:
    """Spectrograms, with the letters at the steps where the network recognized them."""
    right = [row for row, text in enumerate(found.said) if text == found.actual[row]]
    wrong = [row for row, text in enumerate(found.said) if text != found.actual[row]]
    chosen = [*wrong[:1], *right[: DRAWN - len(wrong[:1])]]
    blocks: list[Block] = [
        Prose(
            "CTC learns from what is said, without knowing when. Below each recording, each "
            "letter is shown at the step where it first occurs in the most probable path; "
            "elsewhere the path is blank, or repeats the same letter."
        )
    ]
    for number, row in enumerate(chosen, 1):
        blocks.append(_spectrogram(found, number, row))
    return Section("Alignment", blocks)


def _spectrogram(found: Findings, number: int, row: int) -> Figure:
    values = found.parts[found.part].features[row]
    stride = found.model.stride
    steps = min(len(found.emitted[row]), STEPS_DRAWN)
    frames = values[::stride][:steps].T[::-1]
    names = [" "] * steps
    for step, letter in ctc.places(found.emitted[row]):
        if step < steps:
            names[step] = found.letters.table[letter].replace(" ", "␣")
    top = float(mel(found.features.rate / 2))
    middles = hertz(np.linspace(float(mel(20.0)), top, found.features.bands + 2))[1:-1]
    rows = [
        f"{middles[band]:.0f} Hz" if band % 8 == 0 else " "
        for band in reversed(range(len(middles)))
    ]
    panel = heat_map(
        frames, x_label=f"step of {stride * HOP * 1000:.0f} ms", y_label="band",
        unit="log energy (scaled)", columns=names, rows=rows,
    )  # fmt: skip
    actual, said = found.actual[row], found.said[row]
    verdict = "correct" if actual == said else f"it was {quoted(actual)}"
    title = f"Heard as {quoted(said)} ({verdict})"
    return Figure(f"heard-{number}", title, panel, f"spectrogram of {steps} steps")
