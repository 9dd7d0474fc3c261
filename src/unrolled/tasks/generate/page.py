"""The report of a language model. In: the fitted parts and its text. Out: a `Page`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
import torch
from torch import Tensor

from unrolled.cells.choosing import ChosenCell
from unrolled.report.blocks import Block, Code, Live, Page, Prose, Section, Table
from unrolled.tasks.generate.job import TokenStream
from unrolled.tasks.generate.model import LanguageModel
from unrolled.tasks.live import with_reason
from unrolled.tasks.looking import Reading, norms_by_lag, read_closely
from unrolled.tasks.reporting import (
    every_parameter,
    inside,
    learning,
    quoted,
    the_cell,
    trained_on,
)
from unrolled.tasks.tokens import Tokens
from unrolled.training.job import State

READ = 40  # tokens of the passage with drawn states
LAGS, FOR_LAGS = 100, 20  # the longest lag, and the number of passages to average over
COUNTED = 2_000_000  # tokens for counting pairs


@dataclass(frozen=True)
class Findings:
    """Everything the page is made of."""

    config: Mapping[str, Any]
    cell: ChosenCell
    model: LanguageModel
    state: State
    parts: Mapping[str, TokenStream]
    part: str  # the part of the metrics
    tokens: Tokens
    start: str
    samples: Mapping[float, str]
    live: Live | str  # a sentence if the page has no network
    command: str


def page_of(found: Findings) -> Page:
    """The whole report."""
    kept = found.state.history[found.state.best_epoch - 1]
    bits = kept[f"{found.part}_bits_per_character"]
    weights = sum(weight.numel() for weight in found.model.parameters())
    notes = with_reason(found.config["data"].get("notes", ()), found.live)
    return Page(
        title=f"A model of {_called(found)}",
        lead=(
            f"A recurrent network ({found.cell.name}) reaches {bits:.3f} bits per character on the "
            f"{found.part} set, which was not used for training."
        ),
        sections=[
            trained_on(found.config, _part_rows(found), notes),
            the_cell(found.cell, weights),
            learning(
                found.state.history,
                found.state.best_epoch,
                {"loss": "loss (nats per token)", "bits_per_character": "bits per character"},
            ),
            _how_good(found, kept),
            _samples(found),
            _inside(found),
            every_parameter(found.config),
        ],
        command=found.command,
        live=found.live if isinstance(found.live, Live) else None,
    )


def _called(found: Findings) -> str:
    """The name of the text, if it has one."""
    source = str(found.config["data"].get("source", ""))
    name = source.rpartition(":")[2] if source.startswith("builtin:") else PurePath(source).name
    return name[:60] or "a text"


def _part_rows(found: Findings) -> list[list[Any]]:
    rows: list[list[Any]] = [["part", "tokens", "characters"]]
    for name, stream in found.parts.items():
        rows.append([name, len(stream), round(len(stream) * stream.characters)])
    return rows


def _how_good(found: Findings, kept: Mapping[str, Any]) -> Section:
    stream = found.parts[found.part]
    rows = [
        ["recurrent network", *_row(kept[f"{found.part}_loss"], stream)],
        ["bigram counts", *_row(_pairs(found), stream)],
        ["every token equally likely", *_row(math.log(len(found.tokens)), stream)],
    ]
    columns = ["model", "nats per token", "bits per character", "perplexity"]
    return Section(
        "Results",
        [
            Table("figures", f"On the {found.part} set.", columns, rows),
            Prose(
                "Bits per character are the number of yes-or-no questions needed, on average, to "
                "determine the next character with the help of the model; lower is better. A "
                "perplexity of n means that the model is as uncertain as if it had to choose "
                "among n equally likely tokens. The bigram counts know only the previous token; "
                "the difference to the network is what it remembers from further back."
            ),
        ],
    )


def _row(loss: float, stream: TokenStream) -> list[float]:
    bits = loss / math.log(2) / stream.characters
    return [loss, bits, math.exp(min(loss, 700.0))]


def _pairs(found: Findings) -> float:
    """The loss of bigram counts with add-one smoothing."""
    size = len(found.tokens)
    seen = np.asarray(found.parts["train"].tokens[:COUNTED], np.int64)
    asked = np.asarray(found.parts[found.part].tokens[:COUNTED], np.int64)
    keys, counts = np.unique(seen[:-1] * size + seen[1:], return_counts=True)
    before = np.bincount(seen[:-1], minlength=size)
    wanted = asked[:-1] * size + asked[1:]
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    found_ones = np.where(keys[places] == wanted, counts[places], 0)
    return float(-np.log((found_ones + 1) / (before[asked[:-1]] + size)).mean())


def _samples(found: Findings) -> Section:
    blocks: list[Block] = [
        Prose(
            f"Continuations of the same prompt, {quoted(found.start)}, from the {found.part} set. "
            "A low temperature gives likely text, a high one more varied text."
        )
    ]
    for warmth, text in found.samples.items():
        whole = (found.start + text).replace("\r", "")
        blocks.append(Code(whole, f"Temperature {warmth:g}.", language="text"))
    return Section("Samples", blocks)


def _inside(found: Findings) -> Section:
    model, stream = found.model.eval(), found.parts[found.part]
    passage = np.asarray(stream.tokens[:READ], np.int64)
    inputs = model.embed(torch.from_numpy(passage)[:, None]).detach()

    def score(y: Tensor) -> Tensor:
        scores: Tensor = model.readout(model.narrow(y))
        return scores[-1, 0].max()

    hidden, counted = read_closely(model.recurrent, inputs, score)
    names = [found.tokens.show(int(token)) for token in passage]
    reading = Reading("The beginning of the passage", names, hidden, counted)
    length = min(LAGS, len(stream))
    starts = np.linspace(0, len(stream) - length, FOR_LAGS).astype(int)
    sequences = [
        model.embed(
            torch.from_numpy(np.asarray(stream.tokens[at : at + length], np.int64))[:, None]
        ).detach()
        for at in starts
    ]
    norms = norms_by_lag(model.recurrent, sequences, seed=0)
    return inside(
        [reading],
        norms,
        "the derivative of the likeliest next token's score with respect to the input, times the "
        "input.",
    )
