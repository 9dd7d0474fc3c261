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
            f"{kind}: {number(one.words, 3)} % of the tags correct, F1 {number(one.f1, 3)}, "
            f"{number(one.broken, 3)} % of the sentences invalid"
            for kind, one in measured.taggers.items()
        ),
        f"best possible: {number(measured.possible.words, 3)} % of the tags correct",
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
            "([@alpha]) and the CRF of the taggers give the same log Z, "
            f"{number(worked.by_enumeration, 4)}. Viterbi's algorithm finds the best sequence, "
            f"{tags}."
        )
    return (
        f"**By hand, something is wrong:** log Z is {worked.by_enumeration}, {worked.forward} and "
        f"{worked.by_crf}, and Viterbi's algorithm finds {tags}."
    )


def _words(alone: Outcome, joint: Outcome) -> str:
    gain = joint.f1 - alone.f1
    text = f"**On top of single words** the CRF changes F1 from {number(alone.f1, 3)} to "
    if gain > CLEAR:
        return text + f"{number(joint.f1, 3)}, as predicted ([@numbers], [@names])."
    return (
        text + f"{number(joint.f1, 3)}, which is **not** the gain that was predicted ([@numbers])."
    )


def _network(both: Outcome, joint: Outcome) -> str:
    tags, whole = joint.words - both.words, joint.sentences - both.sentences
    single = (
        f"changes single tags little ({number(both.words, 3)} and "
        f"{number(joint.words, 3)} % correct), as predicted"
        if abs(tags) <= CLEAR
        else f"changes single tags by {tags:+.1f} points, **which was not predicted**"
    )
    sentences = (
        f"more sentences are entirely correct ({number(joint.sentences, 3)} instead of "
        f"{number(both.sentences, 3)} %)"
        if whole > 0
        else f"**not** more sentences are entirely correct ({number(joint.sentences, 3)} and "
        f"{number(both.sentences, 3)} %)"
    )
    broken = (
        f"{number(joint.broken, 2)} % of the sentences are invalid instead of "
        f"{number(both.broken, 2)} %"
    )
    return f"**On top of the network** the CRF {single}; {sentences}, and {broken} ([@numbers])."


def _limit(measured: Measured) -> str:
    best = max(measured.taggers.values(), key=lambda one: one.words)
    left = measured.possible.words - best.words
    near = (
        f"is within {number(max(left, 0.0), 2)} points of it"
        if left <= 2 * CLEAR
        else f"is still {number(left, 2)} points below it; more updates may help"
    )
    return (
        f"**The limit.** With the true tables, {number(measured.possible.words, 3)} % of the tags "
        f"can be correct; the best tagger {near}. Choosing the most probable tag of each word "
        "maximizes correct tags, and choosing the most probable sequence correct sentences: "
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
            "Does the CRF know in advance which tags may follow one another?",
            f"No, it learns a score for each pair. The lowest is {number(least[0], 3)}, for "
            f"{TAGS[least[2]]} after {TAGS[least[1]]}"
            + (
                ", the pair that never occurs. The pair could also be forbidden explicitly."
                if expected
                else "; the pair that never occurs is I after O, so it needs longer training."
            ),
            ("learned",),
        ),
        Question(
            "Why is the sum over all sequences affordable?",
            f"For {len(worked.scores)} words there are {len(worked.sequences)} sequences, but the "
            f"forward algorithm needs only {worked.alpha.size} numbers. With n words and K tags it "
            "takes n K² operations; there are Kⁿ sequences.",
            ("alpha",),
        ),
        Question(
            "When is a CRF worth it?",
            "If tags depend on each other in a way that the network does not see in the words, or "
            f"if whole sequences must be correct. Here it changes F1 by {joint.f1 - both.f1:+.1f} "
            "points for a network that reads in both directions.",
            ("names", "numbers"),
        ),
        Question(
            "Does the most probable sequence consist of the most probable tags?",
            "Not always: a tag may be the most probable one summed over all sequences, and still "
            "not be in the best sequence. That is why the last two rows differ.",
            ("numbers",),
        ),
    ]
