"""The page's tables and figures. In: the numbers of a run. Out: sections. Next: `words`."""

from __future__ import annotations

import math
from collections.abc import Sequence

from unrolled.labs.tag import by_hand as hand
from unrolled.labs.tag import measuring, sentences
from unrolled.labs.tag.by_hand import Array, Worked
from unrolled.labs.tag.measuring import BATCH, UNSEEN, Measured, Outcome
from unrolled.labs.tag.sentences import STEPS, TAGS, WORDS
from unrolled.report.blocks import Code, Figure, Math, Prose, Table, code_of
from unrolled.report.figures import bars, heat_map

AIM = """
Find the names in a sentence: each word is outside of a name (O), begins one (B), or is inside one
(I). A network that reads the sentence in both directions can choose each tag separately, or a
conditional random field (CRF) can choose all of them jointly. Measure what the CRF adds, on
sentences whose best possible tags are known.
"""
SHOWN = 5  # sequences of tags that are printed


def theory() -> list[Prose | Math]:
    return [
        Prose(
            "A network outputs a score for each tag at each word. If tags are chosen one by one, "
            "they may be inconsistent: an I may follow an O, which is not a name. A CRF (Lafferty "
            "et al. 2001) adds a learned score for each pair of neighboring tags, and turns the "
            "sum into a probability:"
        ),
        Math(
            r"p(y \mid x) = \frac{1}{Z} \exp \left( \sum_{t} s_{t}(y_t) + "
            r"\sum_{t} A_{y_{t-1}, y_t} \right)",
            "crf",
            "s are the scores of the network, A those of the transitions",
        ),
        Prose(
            "Z is the sum over all sequences of tags. Sequences share their beginnings, so one "
            "number for each tag and word is enough:"
        ),
        Math(
            r"\alpha_{t}(k) = s_{t}(k) + \log \sum_{j} \exp \left( \alpha_{t-1}(j) + "
            r"A_{j,k} \right)",
            "forward",
            "the forward algorithm",
        ),
        Math(
            r"\delta_{t}(k) = s_{t}(k) + \max_{j} \left( \delta_{t-1}(j) + A_{j,k} \right)",
            "viterbi",
            "Viterbi's algorithm finds the best sequence in the same way",
        ),
        Prose(
            "The sentences here are drawn from a hidden Markov chain with known tables. The "
            "predictions: a CRF on top of single words gains most, since neighboring tags are its "
            "only context. A network that reads in both directions gets close to the best possible "
            "tags by itself. The CRF then improves single tags little, but gets more whole "
            "sentences correct, and produces no invalid ones."
        ),
    ]


def by_hand(worked: Worked) -> list[Prose | Table | Code]:
    names = [" ".join(TAGS[tag] for tag in tags) for tags, _ in worked.sequences[:SHOWN]]
    rows = [
        [name, total, _chance(worked, total)]
        for name, (_, total) in zip(names, worked.sequences, strict=False)
    ]
    return [
        Prose("Three words, with a score for each tag, and for each pair of successive tags:"),
        Table("scores", "score of each tag at each word", ["word", *TAGS],
              _rows([str(t + 1) for t in range(len(worked.scores))], worked.scores), digits=3),
        Table("moves", "score of a tag (column) after another one (row)", ["", *TAGS],
              _rows(TAGS, worked.moves), digits=3),
        Prose(
            f"There are {len(worked.sequences)} sequences of tags. The {SHOWN} best:"
        ),
        Table("sequences", "score and probability of the best sequences",
              ["tags", "score", "probability"], rows, digits=4),
        Prose("The forward algorithm, in logarithms:"),
        code_of(hand.forward),
        Table("alpha", "log of the sum of all beginnings that end in a tag", ["word", *TAGS],
              _rows([str(t + 1) for t in range(len(worked.alpha))], worked.alpha), digits=4),
    ]  # fmt: skip


def _rows(names: Sequence[str], values: Array) -> list[list[object]]:
    return [[name, *map(float, row)] for name, row in zip(names, values, strict=True)]


def _chance(worked: Worked, total: float) -> float:
    return math.exp(total - worked.by_enumeration)


def steps(hidden: int, updates: int) -> list[Prose]:
    return [
        Prose(
            f"1. Draw sentences of {STEPS} words: the tags from one table, and a word for each tag "
            f"from another one. There are {WORDS} different words, and the words of different tags "
            "overlap.\n"
            f"2. Train four taggers for {updates} updates on {BATCH} new sentences each: with or "
            f"without a GRU of {hidden} units per direction, with or without a CRF.\n"
            f"3. Tag {UNSEEN} unseen sentences. From the true tables, compute the best possible "
            "tags: for each word (forward-backward), and for each sentence (Viterbi)."
        )
    ]


def code() -> list[Prose | Code]:
    return [
        Prose("The tagger, and how sentences are drawn:"),
        code_of(measuring.Tagger),
        code_of(sentences.draw_sentences),
    ]


def result(measured: Measured) -> list[Prose | Table | Figure]:
    outcomes: dict[str, Outcome] = {
        **measured.taggers,
        "best possible, word by word": measured.possible,
        "best possible, jointly": measured.possible_whole,
    }
    return [
        Table(
            "numbers",
            "On unseen sentences, in percent. F1 counts whole names. A sentence is invalid if an I "
            "follows an O.",
            ["", "tags correct", "sentences correct", "F1 of names", "sentences invalid"],
            [[name, one.words, one.sentences, one.f1, one.broken]
             for name, one in outcomes.items()],
            digits=3,
        ),
        Figure(
            "names",
            "F1 of whole names",
            bars({name: one.f1 for name, one in outcomes.items()}, y_label="F1, %"),
            "A bar for each tagger, and for the best possible tags.",
        ),
        Figure(
            "learned",
            "What the CRF has learned about successive tags",
            heat_map(
                measured.moves, x_label="tag", y_label="previous tag", unit="score", rows=TAGS,
                columns=TAGS, center=0.0, show_values=True,
            ),
            "The score of each tag after each previous tag, in the CRF on top of the network.",
        ),
    ]  # fmt: skip
