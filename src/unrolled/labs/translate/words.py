"""What the numbers say. In: the numbers of a run. Out: discussion, answers, and what was found.

Each sentence is chosen by the measurement; where a number contradicts the theory, it says so.
"""

from __future__ import annotations

from unrolled.labs.translate.by_hand import Worked
from unrolled.labs.translate.dates import PARTS
from unrolled.labs.translate.measuring import KINDS, Learned, Measured
from unrolled.report.blocks import Question
from unrolled.report.numbers import number

EXACT = 1e-7  # of a derivative against central differences
CLEAR = 2.0  # percentage points of dates: less is noise between seeds
MOSTLY = 0.5  # of the weight
HALF = 50.0  # percent of the dates


def found(measured: Measured) -> list[str]:
    attention = measured.networks["attention"]
    return [
        *(
            f"{kind}: {number(one.right[-1], 3)} % of the unseen dates correct"
            for kind, one in measured.networks.items()
        ),
        "weight on the part that is being written: "
        + ", ".join(f"{part} {attention.on_part[part]:.0%}" for part in PARTS),
    ]


def discussion(worked: Worked, measured: Measured) -> str:
    return "\n\n".join([_hand(worked), _speed(measured), _looks(measured.networks["attention"])])


def _hand(worked: Worked) -> str:
    agree = "agrees with" if worked.largest_error < EXACT else "**does not agree with**"
    return (
        f"**By hand.** The derivative {agree} finite differences; they differ by at most "
        f"{worked.largest_error:.0e} ([@look])."
    )


def _speed(measured: Measured) -> str:
    even, attention = (measured.networks[kind] for kind in KINDS)
    first, second = (_half(one) for one in (even, attention))
    when = (
        f"half of the dates are correct after {second} updates instead of {first}"
        if first and second and second < first
        else f"half of the dates are correct after {second} updates, and never with even weights"
        if second and not first
        else "half of the dates are **not** correct any earlier"
        if second
        else "half of the dates are **never** correct: it needs longer training"
    )
    gain = attention.right[-1] - even.right[-1]
    end = (
        f"at the end its accuracy is {number(gain, 3)} points higher"
        if gain > CLEAR
        else "at the end both are about equally good: one vector is enough for a date"
        if gain >= -CLEAR
        else f"at the end its accuracy is {number(-gain, 3)} points **lower**, against the "
        "prediction"
    )
    return f"**With attention** {when} ([@curves]); {end} ([@numbers])."


def _half(one: Learned) -> int | None:
    return next((at for at, right in zip(one.at, one.right, strict=True) if right >= HALF), None)


def _looks(attention: Learned) -> str:
    there = [part for part in PARTS if attention.on_part[part] > MOSTLY]
    more = [part for part in PARTS if attention.on_part[part] > attention.even[part]]
    if len(there) == len(PARTS):
        text = "most of the weight lies on the part that is being written, as predicted"
    elif there:
        text = f"most of the weight lies on the part that is being written only for {_and(there)}"
    else:
        text = "the weight does **not** lie mostly on the part that is being written"
    beside = (
        "more than equal weights would have there in each case"
        if len(more) == len(PARTS)
        else f"more than equal weights would have there only for {_and(more)}"
        if more
        else "**no** more than equal weights would have there"
    )
    return (
        f"**Where it attends:** {text}, and {beside} ([@shares], [@weights]). The encoder reads in "
        "both directions, so a key also contains information about its neighbors. Attending next "
        "to the right letter can therefore be enough."
    )


def _and(parts: list[str]) -> str:
    return " and ".join(f"the {part}" for part in parts)


def questions(worked: Worked, measured: Measured) -> list[Question]:
    even, attention = (measured.networks[kind] for kind in KINDS)
    surest = max(PARTS, key=attention.on_part.__getitem__)
    return [
        Question(
            "What does the decoder know without attention?",
            "The mean of all keys, which is the same at each letter, and what it has written so "
            f"far. With that, {number(even.right[-1], 3)} % of the unseen dates are correct.",
            ("numbers",),
        ),
        Question(
            "Are the weights an explanation?",
            "Only in part: they show which keys the context is made of, but each key depends on "
            "the whole source. The weight on the right letters is largest for the "
            f"{surest}: {attention.on_part[surest]:.0%}.",
            ("shares", "weights"),
        ),
        Question(
            "Why is the whole target given in training?",
            "So that all steps can be computed at once, and an early mistake does not spoil the "
            "rest; this is called teacher forcing. When the network generates, each letter is fed "
            "back, and a date counts only if all letters are correct ([@curves]).",
            ("curves",),
        ),
        Question(
            "Why a softmax, and not the best key alone?",
            "The choice of the best key has no useful derivative with respect to the scores. The "
            "softmax has one; by hand ([@look]) it agrees with finite differences to "
            f"{worked.largest_error:.0e}.",
            ("look", "context"),
        ),
    ]
