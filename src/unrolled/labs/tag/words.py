"""What the numbers say. In: the numbers of a run. Out: discussion, answers, and what was found.

Each sentence is chosen by the measurement; where a number contradicts the theory, it says so.
"""

from __future__ import annotations

from unrolled.labs.tag.by_hand import Worked
from unrolled.labs.tag.measuring import KINDS, Measured, Outcome
from unrolled.labs.tag.sentences import TAGS
from unrolled.report.blocks import Question
from unrolled.report.numbers import number

SAME = 1e-9  # of two sums of the same numbers
CLEAR = 1.0  # percentage points: less is noise between seeds


def found(worked: Worked, measured: Measured) -> list[str]:
    return [
        f"by hand: log Z of {len(worked.sequences)} sequences is "
        f"{number(worked.by_enumeration, 4)}, the forward algorithm gives "
        f"{number(worked.forward, 4)}",
        *(
            f"{kind}: {number(one.words, 3)} % of the tags right, F1 {number(one.f1, 3)}, "
            f"{number(one.broken, 3)} % of the sentences broken"
            for kind, one in measured.taggers.items()
        ),
        f"possible: {number(measured.possible.words, 3)} % of the tags right",
    ]


def discussion(worked: Worked, measured: Measured) -> str:
    alone, alone_crf, both, both_crf = (measured.taggers[kind] for kind in KINDS)
    return "\n\n".join(
        [_sums(worked), _words(alone, alone_crf), _network(both, both_crf), _limit(measured)]
    )


def _sums(worked: Worked) -> str:
    same = (
        max(abs(one - worked.by_enumeration) for one in (worked.forward, worked.by_crf)) < SAME
        and worked.best == worked.sequences[0][0]
    )
    tags = " ".join(TAGS[tag] for tag in worked.best)
    if same:
        return (
            f"**By hand.** The sum over all sequences ([@sequences]), the forward algorithm "
            "([@alpha]) and the CRF that taggers use give the same log Z, "
            f"{number(worked.by_enumeration, 4)}. Viterbi's algorithm finds the best sequence, "
            f"{tags}."
        )
    return (
        f"**By hand, something is wrong:** log Z is {worked.by_enumeration}, {worked.forward} and "
        f"{worked.by_crf}, and Viterbi's algorithm finds {tags}."
    )


def _words(alone: Outcome, joint: Outcome) -> str:
    gain = joint.f1 - alone.f1
    text = f"**Over single words** the CRF brings F1 from {number(alone.f1, 3)} to "
    if gain > CLEAR:
        return text + f"{number(joint.f1, 3)}, as predicted ([@numbers], [@names])."
    return (
        text + f"{number(joint.f1, 3)}, which is **not** the gain that was predicted ([@numbers])."
    )


def _network(both: Outcome, joint: Outcome) -> str:
    tags, whole = joint.words - both.words, joint.sentences - both.sentences
    single = (
        f"changes little about single tags ({number(both.words, 3)} and "
        f"{number(joint.words, 3)} % right), as predicted"
        if abs(tags) <= CLEAR
        else f"changes single tags by {tags:+.1f} points, **which was not predicted**"
    )
    sentences = (
        f"more sentences are wholly right ({number(joint.sentences, 3)} instead of "
        f"{number(both.sentences, 3)} %)"
        if whole > 0
        else f"**not** more sentences are wholly right ({number(joint.sentences, 3)} and "
        f"{number(both.sentences, 3)} %)"
    )
    broken = (
        f"{number(joint.broken, 2)} % of the sentences are broken instead of "
        f"{number(both.broken, 2)} %"
    )
    return f"**Over the network** the CRF {single}; {sentences}, and {broken} ([@numbers])."


def _limit(measured: Measured) -> str:
    best = max(measured.taggers.values(), key=lambda one: one.words)
    left = measured.possible.words - best.words
    near = (
        f"is within {number(max(left, 0.0), 2)} points of it"
        if left <= 2 * CLEAR
        else f"is still {number(left, 2)} points below it: more updates would show how close it "
        "can get"
    )
    return (
        f"**The limit.** Knowing the tables, {number(measured.possible.words, 3)} % of the tags "
        f"can be right; the best tagger {near}. Choosing the most probable tag of each word gets "
        "the most tags right, and choosing the most probable sequence the most sentences: "
        f"{number(measured.possible.sentences, 3)} and "
        f"{number(measured.possible_whole.sentences, 3)} % of them."
    )


def questions(worked: Worked, measured: Measured) -> list[Question]:
    both, joint = (measured.taggers[kind] for kind in KINDS[2:])
    least = min(((score, row, column) for row, scores in enumerate(measured.moves.tolist())
                 for column, score in enumerate(scores)))  # fmt: skip
    expected = (least[1], least[2]) == (0, 2)
    return [
        Question(
            "Has anybody told the CRF which tags may follow one another?",
            f"No, it learned a score for each pair. The lowest is {number(least[0], 3)}, for "
            f"{TAGS[least[2]]} after {TAGS[least[1]]}"
            + (
                ", the pair that never occurs. A tagger may also be told, by forbidding it."
                if expected
                else "; the pair that never occurs is I after O, so it needs a longer training."
            ),
            ("learned",),
        ),
        Question(
            "Why is the sum over all sequences affordable?",
            f"For {len(worked.scores)} words there are {len(worked.sequences)} of them; the "
            f"forward algorithm needs {worked.alpha.size} numbers. With n words and K tags it is "
            "K² steps a word instead of a power of n.",
            ("alpha",),
        ),
        Question(
            "When is a CRF worth it?",
            "Where the tags say something about one another that the network does not know from "
            f"the words, or where a whole sequence must be right. Here it changes F1 by "
            f"{joint.f1 - both.f1:+.1f} over a network that reads in both directions.",
            ("names", "numbers"),
        ),
        Question(
            "Is the most probable sequence made of the most probable tags?",
            "Not always: a tag may be the most probable one when all sequences are added up, and "
            "not stand in the best of them. That is why the two last rows differ.",
            ("numbers",),
        ),
    ]
