"""What the numbers say. In: the numbers of a run. Out: discussion, answers, and what was found.

Each sentence is chosen by the measurement; where a number contradicts the theory, it says so.
"""

from __future__ import annotations

from unrolled.labs.regularise.measuring import Measured, Reading
from unrolled.report.blocks import Question
from unrolled.report.numbers import number

NOTICEABLE = 0.02  # bits per character: less is noise between seeds


def found(measured: Measured) -> list[str]:
    best, smallest = _best(measured), min(measured.readings.values(), key=lambda one: one.gap)
    return [
        f"gap without a modifier: {number(measured.plain.gap, 3)} bits per character",
        f"smallest gap: {smallest.name}, {number(smallest.gap, 3)}",
        f"best on unseen text: {best.name}, {number(best.test[best.best], 3)} bits per character "
        f"in epoch {best.best + 1}",
    ]


def _best(measured: Measured) -> Reading:
    return min(measured.readings.values(), key=lambda one: one.test[one.best])


def discussion(measured: Measured) -> str:
    return "\n\n".join([_plain(measured), _random(measured), _norm(measured)])


def _plain(measured: Measured) -> str:
    plain = measured.plain
    if plain.lost > NOTICEABLE:
        return (
            f"**Without a modifier** the test loss is lowest in epoch {plain.best + 1} and then "
            f"rises by {number(plain.lost, 2)} bits, while the training loss falls to "
            f"{number(plain.train[-1], 3)}: the network memorizes the text, as predicted "
            "([@curves])."
        )
    return (
        f"**Without a modifier** the test loss has **not** started to rise in "
        f"{len(plain.test)} epochs; longer training would show it ([@curves])."
    )


def _random(measured: Measured) -> str:
    plain, lines = measured.plain, []
    for name in ("zoneout", "variational dropout", "weight drop"):
        one = measured.readings[name]
        closes = one.gap < plain.gap - NOTICEABLE
        gain = plain.test[plain.best] - one.test[one.best]
        gap = (
            "makes the gap smaller, as predicted" if closes else "does **not** make the gap smaller"
        )
        test = (
            f"its best test loss is {number(gain, 2)} bits lower"
            if gain > NOTICEABLE
            else f"its best test loss is **not** lower, but {number(-gain, 2)} bits higher"
            if gain < -NOTICEABLE
            else "its best test loss is about the same"
        )
        lines.append(
            f"- **{name.capitalize()}** {gap} ({number(one.gap, 2)} instead of "
            f"{number(plain.gap, 2)}), and {test}."
        )
    return "\n".join(lines) + "\n\nThe numbers are in [@numbers]."


def _norm(measured: Measured) -> str:
    norm, plain = measured.readings["layer norm"], measured.plain
    early = min(2, len(plain.train) - 1)
    faster = norm.train[early] < plain.train[early]
    speed = (
        f"learns faster: after epoch {early + 1} its training loss is "
        f"{number(norm.train[early], 3)}"
        if faster
        else f"does **not** learn faster here: after epoch {early + 1} its training loss is "
        f"{number(norm.train[early], 3)}"
    )
    closes = norm.gap < plain.gap - NOTICEABLE
    gap = "and, **against the prediction**, it closes part of the gap" if closes else (
        "and it does not close the gap, as expected"
    )  # fmt: skip
    return (
        f"**Layer norm** {speed}, and that of the plain LSTM {number(plain.train[early], 3)}; "
        f"{gap} ([@gaps])."
    )


def questions(measured: Measured) -> list[Question]:
    best, plain = _best(measured), measured.plain
    return [
        Question(
            "Which modifier is best on unseen text?",
            f"Here {best.name}, with {number(best.test[best.best], 3)} bits per character in epoch "
            f"{best.best + 1}; without a modifier it is {number(plain.test[plain.best], 3)}.",
            ("numbers",),
        ),
        Question(
            "Does a small gap mean a good network?",
            "No: a network that has learned nothing has no gap either. "
            f"What matters is the test loss: {_both(measured)}",
            ("numbers", "gaps"),
        ),
        Question(
            "Would early stopping do as well?",
            f"The plain LSTM at its best epoch ({plain.best + 1}) has "
            f"{number(plain.test[plain.best], 3)} bits; "
            + (
                f"{best.name} gets {number(plain.test[plain.best] - best.test[best.best], 2)} "
                "lower."
                if best is not plain
                else "no modifier gets lower here, so early stopping is enough."
            ),
            ("curves", "numbers"),
        ),
        Question(
            "Why is a mask of variational dropout the same at every step?",
            "A new mask at each step would drop different units each time, so that after many "
            "steps little of the memory would be left. With one mask, the units that are not "
            "dropped stay available for the whole sequence.",
            ("zoneout",),
        ),
    ]


def _both(measured: Measured) -> str:
    smallest, best = min(measured.readings.values(), key=lambda one: one.gap), _best(measured)
    if smallest is best:
        return f"here {best.name} has both the smallest gap and the best test loss."
    return f"here {smallest.name} has the smallest gap, and {best.name} the best test loss."
