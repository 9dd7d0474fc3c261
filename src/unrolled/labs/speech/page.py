"""What the page shows. In: the numbers of a run. Out: sections; next: `words` talks about them."""

from __future__ import annotations

import numpy as np

from unrolled.labs.speech import by_hand as hand
from unrolled.labs.speech import measuring
from unrolled.labs.speech.by_hand import LETTERS, STEPS, WORD, Worked
from unrolled.labs.speech.measuring import (
    ALPHABET,
    BATCH,
    KINDS,
    LONGEST,
    NOISE,
    PAUSE,
    SHORTEST,
    UNSEEN,
    Measured,
)
from unrolled.report.blocks import Code, Figure, Math, Prose, Table, code_of
from unrolled.report.drawing import Panel
from unrolled.report.figures import curves, heat_map

AIM = """
Somebody says a word, and the network is told how it is spelled, but not when each letter is spoken.
Connectionist temporal classification (CTC) adds up every way to place the letters in time. Write
all of them down for one word, see that the forward algorithm adds up the same, and measure what it
is worth against the obvious guess that all letters take equally long.
"""
MOST = 12  # paths that are printed


def theory() -> list[Prose | Math]:
    return [
        Prose(
            "At each step the network gives a probability to each letter, and to one more symbol, "
            "the **blank** (Graves et al. 2006). A *path* is one symbol for each step. What it "
            "spells is found by leaving out repetitions, and then blanks: `tt–oo` spells *to*, and "
            "`to–oo` spells *too*. Without the blank, no path could spell a letter twice in a row."
            "\n\nThe probability of a word is the sum over all paths that spell it:"
        ),
        Math(
            r"p(w \mid x) = \sum_{\pi : \, \mathrm{spells}(\pi) = w} \; \prod_{t=1}^{T} "
            r"p_{t}(\pi_t)",
            "sum",
            "the loss is the negative logarithm of it",
        ),
        Prose(
            "There are far too many paths to write down, but they share their beginnings. Put a "
            "blank before, between and behind the letters of the word; then each path walks "
            "through these states from left to right, and the sums over all beginnings follow from "
            "those of the step before:"
        ),
        Math(
            r"\alpha_{t}(s) = \left( \alpha_{t-1}(s) + \alpha_{t-1}(s-1) + "
            r"\alpha_{t-1}(s-2) \right) p_{t}(w_s)",
            "forward",
            "the last term only from one letter to another that differs from it",
        ),
        Prose(
            "The derivative of the loss with respect to the score of a symbol is its probability "
            "minus its share among the paths that spell the word. So the network is taught by "
            "its own best guesses of when each letter was spoken, and these get better with it:"
        ),
        Math(
            r"\frac{\partial L}{\partial y_{t,k}} = p_{t}(k) - \gamma_{t}(k)",
            "derivative",
            r"gamma: the share of the paths that have symbol k at step t",
        ),
        Prose(
            "The predictions: with letters of very different durations, a network that is taught "
            "an even split learns wrong boundaries and spells worse. The network with CTC learns "
            "to give each letter only a few frames, with blanks in between."
        ),
    ]


def by_hand(worked: Worked) -> list[Prose | Table | Code]:
    steps = [str(t) for t in range(1, STEPS + 1)]
    shown = worked.paths[:MOST]
    left = worked.paths[MOST:]
    rows: list[list[object]] = [[f"`{path}`", chance] for path, chance in shown]
    if left:
        rows.append([f"{len(left)} more", sum(chance for _, chance in left)])
    rows.append(["**sum**", worked.total])
    return [
        Prose(f"The word is *{WORD}*, and there are {STEPS} steps. The network says:"),
        Table(
            "probabilities", "probability of each symbol at each step; – is the blank",
            ["symbol", *steps],
            [[letter, *map(float, row)]
             for letter, row in zip(LETTERS, worked.probabilities.T, strict=True)],
            digits=3,
        ),
        Prose(
            f"Of the {worked.written_down} paths, {len(worked.paths)} spell the word. Each has the "
            "product of its symbols' probabilities:"
        ),
        Table("paths", f"the paths that spell {WORD}", ["path", "probability"], rows, digits=4),
        Prose("The forward algorithm gets there with one table, column by column:"),
        Table(
            "alpha", "the sums of the beginnings that are in a state at a step; the last two "
            "states of the last step together are the probability of the word",
            ["state", *steps],
            [[state, *map(float, row)]
             for state, row in zip(worked.states, worked.table, strict=True)],
            digits=3,
        ),
        code_of(hand.forward_table),
        Table(
            "gradient", "derivative of the loss with respect to each score, by the shares of paths",
            ["symbol", *steps],
            [[letter, *map(float, row)]
             for letter, row in zip(LETTERS, worked.gradient.T, strict=True)],
            digits=3,
        ),
    ]  # fmt: skip


def steps(hidden: int, updates: int) -> list[Prose]:
    return [
        Prose(
            f"1. Make speech: each of the letters {', '.join(ALPHABET)} is a pair of tones, held "
            f"for {SHORTEST} to {LONGEST} frames, with noise of {NOISE:g}; two equal letters "
            f"in a row have a pause of {PAUSE} frames in between.\n"
            f"2. Train two networks with a GRU of {hidden} units in each direction for {updates} "
            f"updates, each on {BATCH} new words. One is taught by CTC, the other by the path in "
            "which every letter takes the same time.\n"
            f"3. Read what each says of the same {UNSEEN} unseen words by its most probable path, "
            "and count the wrong letters: inserted, left out, or replaced."
        )
    ]


def code() -> list[Prose | Code]:
    return [
        Prose("The two losses, and the training:"),
        code_of(measuring.ctc_loss),
        code_of(measuring.even_loss),
        code_of(measuring.learn),
    ]


def result(measured: Measured) -> list[Prose | Table | Figure]:
    networks, word = measured.networks, measured.word
    begins = ", ".join(
        f"{letter} at {begin}" for letter, begin in zip(word.text, word.begins, strict=True)
    )
    return [
        Figure(
            "curves",
            "Wrong letters on unseen words",
            curves(
                {kind: (one.at, one.errors) for kind, one in networks.items()},
                x_label="updates", y_label="wrong letters, %",
            ),
            "The share of wrong letters over the training, for both networks.",
        ),
        Table(
            "numbers",
            "After training, on unseen words.",
            ["taught by", "wrong letters, %", "frames where the blank comes first, %"],
            [[kind, networks[kind].errors[-1], 100 * networks[kind].blanks] for kind in KINDS],
            digits=3,
        ),
        Figure(
            "heard",
            f"What is heard: {word.text}",
            heat_map(
                np.asarray(word.frames).T, x_label="frame", y_label="band", unit="loudness",
                title="the sound",
            ),
            f"The bands of the word over its {len(word.frames)} frames.",
            f"The letters begin at frames: {begins}.",
        ),
        Figure(
            "spelled",
            "What each network says, frame by frame",
            _spelled(measured),
            "Probabilities of each symbol at each frame, for both networks.",
            "The same word. The first row is the blank.",
        ),
    ]  # fmt: skip


def _spelled(measured: Measured) -> list[Panel]:
    return [
        heat_map(
            measured.networks[kind].shown.T, x_label="frame", y_label="symbol",
            unit="probability", rows=["–", *ALPHABET], limits=(0, 1), title=kind,
        )
        for kind in KINDS
    ]  # fmt: skip
