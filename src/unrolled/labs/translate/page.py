"""What the page shows. In: the numbers of a run. Out: sections; next: `words` talks about them."""

from __future__ import annotations

import numpy as np

from unrolled.labs.translate import by_hand as hand
from unrolled.labs.translate import measuring
from unrolled.labs.translate.by_hand import Worked
from unrolled.labs.translate.dates import PARTS, Pair, draw_pairs
from unrolled.labs.translate.measuring import BATCH, KINDS, UNSEEN, Measured
from unrolled.report.blocks import Code, Figure, Math, Prose, Table, code_of
from unrolled.report.figures import curves, heat_map

AIM = """
Translate dates such as *3 May 1987* into *1987-05-03*, letter by letter. One recurrent network
reads the date, another one writes. See what it brings if the writer may look at every letter that
was read, and where it looks as it writes.
"""


def theory() -> list[Prose | Math]:
    return [
        Prose(
            "The **encoder** reads the source in both directions and leaves a key for each letter. "
            "The **decoder** writes: its state says what it is about to write. If all it gets of "
            "the source is one vector, such as the mean of the keys, that vector must hold "
            "everything. With **attention** (Bahdanau et al. 2015; Luong et al. 2015) it takes "
            "another mean for each letter: a score for each key, the softmax of the scores as "
            "weights, and the mean of the keys with these weights:"
        ),
        Math(r"e_{t,s} = y_{t}^{\top} W k_{s}", "score", "the score of key s for the letter t"),
        Math(
            r"a_{t,s} = \frac{\exp(e_{t,s})}{\sum_{r} \exp(e_{t,r})}, \quad "
            r"c_{t} = \sum_{s} a_{t,s} k_{s}",
            "context",
            "the weights, and the context that the letter is chosen from",
        ),
        Prose(
            "Nobody tells the network where to look: the weights are learned from the loss alone, "
            "since all of this has a derivative. The predictions: with attention it learns "
            "faster, and most of the weight lies on the letters that hold the year while the year "
            "is written, and likewise for the month and the day."
        ),
    ]


def by_hand(worked: Worked) -> list[Prose | Table | Code]:
    rows = [
        [
            str(place + 1),
            *map(float, key),
            float(worked.scores[place]),
            float(worked.weights[place]),
        ]
        for place, key in enumerate(worked.keys)
    ]
    query, context = (
        ", ".join(f"{value:.3f}" for value in vector) for vector in (worked.query, worked.context)
    )
    return [
        Prose(f"Three keys of two numbers, and the query ({query}):"),
        Table("look", f"the context is ({context})",
              ["key", "first number", "second number", "score", "weight"], rows, digits=3),
        code_of(hand.look),
        code_of(hand.backward),
    ]  # fmt: skip


def steps(hidden: int, updates: int) -> list[Prose]:
    examples = ", ".join(f"*{pair.source}*" for pair in _examples())
    return [
        Prose(
            f"1. Draw days from 1900 on, and write each in one of five ways: {examples} ...\n"
            f"2. Train two networks with GRUs of {hidden} units for {updates} updates, each on "
            f"{BATCH} new dates. In one of them all weights are equal; everything else is the "
            "same.\n"
            f"3. Let both write {UNSEEN} unseen dates, each letter fed back, and count those that "
            "are right from the first letter to the last."
        )
    ]


def _examples() -> list[Pair]:
    return draw_pairs(3, np.random.default_rng(0))


def code() -> list[Prose | Code]:
    return [
        Prose("The network, and how it writes:"),
        code_of(measuring.Translator),
        code_of(measuring.write_dates),
    ]


def result(measured: Measured) -> list[Prose | Table | Figure]:
    networks, pair = measured.networks, measured.pair
    last = networks["attention"]
    return [
        Figure(
            "curves",
            "Unseen dates that are right",
            curves(
                {kind: (one.at, one.right) for kind, one in networks.items()},
                x_label="updates", y_label="dates right, %", y_range=(0, 105),
            ),
            "The share of dates that are right over the training, for both networks.",
        ),
        Table(
            "numbers",
            f"After training. The date is *{pair.source}*.",
            ["weights", "dates right, %", "it writes"],
            [[kind, networks[kind].right[-1], f"`{networks[kind].says}`"] for kind in KINDS],
            digits=3,
        ),
        Figure(
            "weights",
            "Where the network looks",
            heat_map(
                last.shown, x_label="letter that was read", y_label="letter that is written",
                unit="weight", columns=list(pair.source), rows=list(last.says), limits=(0, 1),
            ),
            "The weight of each letter of the source as each letter of the date is written.",
            "A row is a letter that is written; its weights sum to 1.",
        ),
        Table(
            "shares",
            "The share of the weight on the letters that hold a part, while it is written.",
            ["part", "attention", "if all weights were equal"],
            [[part, f"{last.on_part[part]:.0%}", f"{last.even[part]:.0%}"] for part in PARTS],
        ),
    ]  # fmt: skip
