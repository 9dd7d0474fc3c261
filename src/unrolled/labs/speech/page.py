"""The page's tables and figures. In: the numbers of a run. Out: sections. Next: `words`."""

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
The training data say how a spoken word is spelled, but not when each letter is spoken.
Connectionist temporal classification (CTC) sums over all ways to place the letters in time. List
all of them for one word, see that the forward algorithm computes the same sum, and compare CTC with
the obvious guess that all letters take equally long.
"""
MOST = 12  # paths that are printed


def theory() -> list[Prose | Math]:
    return [
        Prose(
            "At each step the network outputs a probability for each letter, and for one more "
            "symbol, the **blank** (Graves et al. 2006). A *path* has one symbol for each step. To "
            "find what it spells, remove repetitions, then blanks: `tt–oo` spells *to*, and "
            "`to–oo` spells *too*. Without the blank, no path could spell a double letter."
            "\n\nThe probability of a word is the sum over all paths that spell it:"
        ),
        Math(
            r"p(w \mid x) = \sum_{\pi : \, \mathrm{spells}(\pi) = w} \; \prod_{t=1}^{T} "
            r"p_{t}(\pi_t)",
            "sum",
            "the loss is its negative logarithm",
        ),
        Prose(
            "There are far too many paths to list, but they share their beginnings. Put a blank "
            "before, between and after the letters of the word. Each path moves through these "
            "states from left to right, and the sums over all beginnings follow from those of the "
            "previous step:"
        ),
        Math(
            r"\alpha_{t}(s) = \left( \alpha_{t-1}(s) + \alpha_{t-1}(s-1) + "
            r"\alpha_{t-1}(s-2) \right) p_{t}(w_s)",
            "forward",
            "the last term only between two different letters",
        ),
        Prose(
            "The derivative of the loss with respect to the score of a symbol is its probability "
            "minus its share among the paths that spell the word. So the targets are the network's "
            "own estimates of when each letter was spoken, and improve along with it:"
        ),
        Math(
            r"\frac{\partial L}{\partial y_{t,k}} = p_{t}(k) - \gamma_{t}(k)",
            "derivative",
            r"$\gamma$ is the share of the paths that have symbol k at step t",
        ),
        Prose(
            "The predictions: since letters have very different durations, a network trained on an "
            "even split learns wrong boundaries and makes more errors. The network trained with "
            "CTC learns to give each letter only a few frames, with blanks in between."
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
        Prose(f"The word is *{WORD}*, and there are {STEPS} steps. The network outputs:"),
        Table(
            "probabilities", "probability of each symbol at each step; – is the blank",
            ["symbol", *steps],
            [[letter, *map(float, row)]
             for letter, row in zip(LETTERS, worked.probabilities.T, strict=True)],
            digits=3,
        ),
        Prose(
            f"Of the {worked.written_down} paths, {len(worked.paths)} spell the word. The "
            "probability of each is the product of the probabilities of its symbols:"
        ),
        Table("paths", f"the paths that spell {WORD}", ["path", "probability"], rows, digits=4),
        Prose("The forward algorithm computes the same sum in one table, column by column:"),
        Table(
            "alpha", "the sum of all beginnings that are in a state at a step; the last two states "
            "at the last step add up to the probability of the word",
            ["state", *steps],
            [[state, *map(float, row)]
             for state, row in zip(worked.states, worked.table, strict=True)],
            digits=3,
        ),
        code_of(hand.forward_table),
        Table(
            "gradient", "derivative of the loss with respect to each score, from the paths' shares",
            ["symbol", *steps],
            [[letter, *map(float, row)]
             for letter, row in zip(LETTERS, worked.gradient.T, strict=True)],
            digits=3,
        ),
    ]  # fmt: skip


def steps(hidden: int, updates: int) -> list[Prose]:
    return [
        Prose(
            f"1. Synthesize speech: each of the letters {', '.join(ALPHABET)} is a pair of tones, "
            f"held for {SHORTEST} to {LONGEST} frames, with noise of {NOISE:g}. Between two equal "
            f"letters there is a pause of {PAUSE} frames.\n"
            f"2. Train two networks, each with a GRU of {hidden} units per direction, for "
            f"{updates} updates on {BATCH} new words each. One is trained with CTC, the other on "
            "the path in which every letter takes the same time.\n"
            f"3. Decode the same {UNSEEN} unseen words by the most probable path, and count letter "
            "errors: insertions, deletions and substitutions."
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
            "Letter errors on unseen words",
            curves(
                {kind: (one.at, one.errors) for kind, one in networks.items()},
                x_label="updates", y_label="letter errors, %",
            ),
            "The letter error rate during training, for both networks.",
        ),
        Table(
            "numbers",
            "After training, on unseen words.",
            ["trained with", "letter errors, %", "frames with the blank on top, %"],
            [[kind, networks[kind].errors[-1], 100 * networks[kind].blanks] for kind in KINDS],
            digits=3,
        ),
        Figure(
            "heard",
            f"The sound of {word.text}",
            heat_map(
                np.asarray(word.frames).T, x_label="frame", y_label="band", unit="loudness",
                title="the sound",
            ),
            f"The bands of the word over its {len(word.frames)} frames.",
            f"The letters begin at frames: {begins}.",
        ),
        Figure(
            "spelled",
            "The output of each network, frame by frame",
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
