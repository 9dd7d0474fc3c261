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
            f"{kind}: {number(one.right[-1], 3)} % of the unseen dates right"
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
        f"**By hand.** The derivative of the look {agree} its slopes; they differ by at most "
        f"{worked.largest_error:.0e} ([@look])."
    )


def _speed(measured: Measured) -> str:
    even, attention = (measured.networks[kind] for kind in KINDS)
    first, second = (_half(one) for one in (even, attention))
    when = (
        f"half of the dates are right after {second} updates instead of {first}"
        if first and second and second < first
        else f"half of the dates are right after {second} updates, and never with even weights"
        if second and not first
        else "half of the dates are **not** right any earlier"
        if second
        else "half of the dates are **never** right: it needs a longer training"
    )
    gain = attention.right[-1] - even.right[-1]
    end = (
        f"at the end it has {number(gain, 3)} points more"
        if gain > CLEAR
        else "at the end both are about as good: one vector can hold a date"
        if gain >= -CLEAR
        else f"at the end it has {number(-gain, 3)} points **fewer**, against the prediction"
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
        f"**Where it looks:** {text}, and {beside} ([@shares], [@weights]). A key knows its "
        "neighbours as well, since the encoder reads in both directions; so a look beside the "
        "right letter can find all it needs."
    )


def _and(parts: list[str]) -> str:
    return " and ".join(f"the {part}" for part in parts)


def questions(worked: Worked, measured: Measured) -> list[Question]:
    even, attention = (measured.networks[kind] for kind in KINDS)
    surest = max(PARTS, key=attention.on_part.__getitem__)
    return [
        Question(
            "What does the decoder know without attention?",
            "The same vector at each letter, the mean of all keys, and what it has written so far. "
            f"With that, {number(even.right[-1], 3)} % of the unseen dates are right.",
            ("numbers",),
        ),
        Question(
            "Are the weights an explanation?",
            "They say which keys the context is made of, and a key is made of the whole source. "
            f"Most weight lies on the right letters for the {surest}: "
            f"{attention.on_part[surest]:.0%}.",
            ("shares", "weights"),
        ),
        Question(
            "Why is the whole target given in training?",
            "So that all steps can be computed at once, and an early mistake does not spoil the "
            "rest: teacher forcing. When the network writes by itself, each letter is fed back, "
            "and a date counts only if all of them are right ([@curves]).",
            ("curves",),
        ),
        Question(
            "Why a softmax, and not the best key alone?",
            "The best key has no derivative with respect to the scores. The softmax has one, which "
            f"is checked in [@look] to {worked.largest_error:.0e}.",
            ("look", "context"),
        ),
    ]
