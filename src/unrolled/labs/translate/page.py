"""The page's tables and figures. In: the numbers of a run. Out: sections. Next: `words`."""

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
reads the date, another one writes the translation. Measure what is gained if the second network can
attend to every letter that was read, and see where it attends while it writes.
"""


def theory() -> list[Prose | Math]:
    return [
        Prose(
            "The **encoder** reads the source in both directions and computes a key for each "
            "letter. The **decoder** writes the target one letter at a time. If it gets only one "
            "vector of the source, such as the mean of the keys, that vector must contain "
            "everything. With **attention** (Bahdanau et al. 2015; Luong et al. 2015) it computes "
            "a different mean for each letter: a score for each key, the softmax of the scores as "
            "weights, and the mean of the keys with these weights:"
        ),
        Math(r"e_{t,s} = y_{t}^{\top} W k_{s}", "score", "the score of key s for the letter t"),
        Math(
            r"a_{t,s} = \frac{\exp(e_{t,s})}{\sum_{r} \exp(e_{t,r})}, \quad "
            r"c_{t} = \sum_{s} a_{t,s} k_{s}",
            "context",
            "the weights, and the context from which the letter is predicted",
        ),
        Prose(
            "The network is not told where to attend: all of this is differentiable, so the "
            "weights are learned from the loss alone. The predictions: with attention it learns "
            "faster. While the year is written, most of the weight lies on the letters of the "
            "year, and likewise for the month and the day."
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
            f"2. Train two networks with GRUs of {hidden} units for {updates} updates on {BATCH} "
            "new dates each. In one of them all attention weights are equal; everything else is "
            "the same.\n"
            f"3. Let both translate {UNSEEN} unseen dates, feeding each letter back, and count the "
            "dates in which every letter is correct."
        )
    ]


def _examples() -> list[Pair]:
    return draw_pairs(3, np.random.default_rng(0))


def code() -> list[Prose | Code]:
    return [
        Prose("The network, and how it generates a translation:"),
        code_of(measuring.Translator),
        code_of(measuring.write_dates),
    ]


def result(measured: Measured) -> list[Prose | Table | Figure]:
    networks, pair = measured.networks, measured.pair
    last = networks["attention"]
    return [
        Figure(
            "curves",
            "Correct translations of unseen dates",
            curves(
                {kind: (one.at, one.right) for kind, one in networks.items()},
                x_label="updates", y_label="dates correct, %", y_range=(0, 105),
            ),
            "The share of correct dates during training, for both networks.",
        ),
        Table(
            "numbers",
            f"After training. The date is *{pair.source}*.",
            ["weights", "dates correct, %", "output"],
            [[kind, networks[kind].right[-1], f"`{networks[kind].says}`"] for kind in KINDS],
            digits=3,
        ),
        Figure(
            "weights",
            "Where the network attends",
            heat_map(
                last.shown, x_label="letter of the source", y_label="letter of the translation",
                unit="weight", columns=list(pair.source), rows=list(last.says), limits=(0, 1),
            ),
            "The weight of each letter of the source for each letter of the translation.",
            "Each row is a letter of the translation; its weights sum to 1.",
        ),
        Table(
            "shares",
            "The share of the weight on the letters of a part, while that part is written.",
            ["part", "attention", "if all weights were equal"],
            [[part, f"{last.on_part[part]:.0%}", f"{last.even[part]:.0%}"] for part in PARTS],
        ),
    ]  # fmt: skip
