"""What the numbers say. In: the numbers of a run. Out: discussion, answers, and what was found.

Each sentence is chosen by the measurement; where a number contradicts the theory, it says so.
"""

from __future__ import annotations

from unrolled.labs.optimise.measuring import FLOOR, LEARNED, Measured, Trained
from unrolled.labs.optimise.page import ADAPTIVE, GUESS, PLAIN
from unrolled.report.blocks import Question
from unrolled.report.numbers import counted, number, percent

CLEAR = 1.5  # two losses differ clearly if their ratio is larger than this


def ranked(measured: Measured) -> list[Trained]:
    """Each optimizer at its best rate, the lowest test loss first."""
    return sorted((measured.best(name) for name in measured.trained), key=lambda one: one.final)


def usable(measured: Measured, name: str) -> int:
    """At how many of the rates an optimizer learned the task."""
    return sum(one.final < LEARNED for one in measured.trained[name])


def found(measured: Measured) -> list[str]:
    lowest = min(measured.paths.values(), key=lambda path: path.end)
    first, *_, last = ranked(measured)
    schedule = min(measured.scheduled.values(), key=lambda one: one.final)
    name = next(name for name, one in measured.scheduled.items() if one is schedule)
    constant = number(measured.scheduled["constant"].final, 3)
    beside = "" if name == "constant" else f", a constant rate at {constant}"
    return [
        f"landscape: {lowest.name} ends lowest, at {number(lowest.end, 2)}; sgd at "
        f"{number(measured.paths['sgd'].end, 2)}",
        f"network: {first.name} ends lowest ({number(first.final, 2)} per bit at a rate of "
        f"{first.rate:g}), {last.name} highest ({number(last.final, 2)})",
        f"schedules: {name} ends lowest ({number(schedule.final, 3)}){beside}",
    ]


def discussion(measured: Measured) -> str:
    return "\n\n".join(
        [_valley(measured), _network(measured), _rates(measured), _schedules(measured)]
    )


def _valley(measured: Measured) -> str:
    sgd = measured.paths["sgd"]
    ahead = [n for n, path in measured.paths.items() if n != "sgd" and path.end < sgd.end]
    behind = [n for n in measured.paths if n != "sgd" and n not in ahead]
    if not behind:
        verdict = "as predicted, every other optimizer gets lower"
    elif ahead:
        verdict = f"{', '.join(ahead)} get lower, but **against the prediction** not {_and(behind)}"
    else:
        verdict = "**against the prediction**, no other optimizer gets lower"
    return (
        f"**In the valley** SGD reaches {number(sgd.end, 2)} in {measured.steps} steps; "
        f"{verdict} ([@descent], [@valley])."
    )


def _network(measured: Measured) -> str:
    first, second, *_ = order = ranked(measured)
    clear = second.final > CLEAR * first.final
    failed = [one.name for one in order if one.final >= LEARNED]
    lead = (
        f"{first.name} is clearly best"
        if clear
        else f"{first.name} is best, but not clearly ahead of {second.name}"
    )
    rest = (
        f"{_and(failed)} did **not** learn the task in {measured.updates} updates at any rate"
        if failed
        else "every optimizer learned the task at some rate"
    )
    return f"**In the network** {lead} ([@trained], [@learning]); {rest}."


def _rates(measured: Measured) -> str:
    plain = max(usable(measured, name) for name in PLAIN)
    adaptive = max(usable(measured, name) for name in ADAPTIVE)
    counts = ", ".join(f"{name} {usable(measured, name)}" for name in measured.trained)
    verdict = (
        "the adaptive optimizers are less sensitive to the learning rate"
        if adaptive > plain
        else "the adaptive optimizers are **not** less sensitive to the learning rate here"
    )
    return (
        f"**The learning rate matters** as much as the method. Of {len(measured.rates)} rates, the "
        f"task was learned at: {counts} ([@rates]). Comparing the best of each group, {verdict}."
    )


def _schedules(measured: Measured) -> str:
    constant = measured.scheduled["constant"].final
    name, best = min(measured.scheduled.items(), key=lambda pair: pair[1].final)
    if name == "constant":
        return (
            "**Schedules.** None of the decreasing rates helped: the constant one ends lowest, at "
            f"{number(constant, 2)}. A rate that decreases too early stops a run that is still "
            "learning ([@scheduled], [@schedules])."
        )
    how = "clearly" if constant - FLOOR > CLEAR * (best.final - FLOOR) else "a little"
    return (
        f"**Schedules.** *{name.capitalize()}* ends {how} lower than the constant rate, "
        f"{number(best.final, 3)} against {number(constant, 3)}, where {FLOOR:.3f} is the "
        "lowest that can be expected ([@scheduled], [@schedules])."
    )


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def questions(measured: Measured) -> list[Question]:
    first, *_ = order = ranked(measured)
    fast = sorted(
        (one for one in order if one.learned_after), key=lambda one: one.learned_after or 0
    )
    sgd, momentum = measured.paths["sgd"], measured.paths["momentum"]
    high = [
        one for runs in measured.trained.values() for one in runs if one.rate == measured.rates[-1]
    ]
    lost = sum(not one.final < GUESS for one in high)
    return [
        Question(
            "Which optimizer should you use?",
            f"Here {first.name} at a rate of {first.rate:g}, with "
            f"{percent(first.correct)} of the bits of new sums correct. "
            + (
                f"The fastest was {fast[0].name}, which learned the task in "
                f"{counted(fast[0].learned_after or 0, 'update')}. "
                if fast
                else "None learned the task within these updates. "
            )
            + "Adam is the usual first choice for recurrent networks. With any optimizer, try "
            "several learning rates.",
            ("trained", "rates"),
        ),
        Question(
            "What does momentum change in a narrow valley?",
            f"With momentum the loss ends at {number(momentum.end, 2)}, without it at "
            f"{number(sgd.end, 2)}. The path crosses the floor of the valley "
            f"{counted(momentum.turns, 'time')}, that of SGD {counted(sgd.turns, 'time')}.",
            ("descent", "valley"),
        ),
        Question(
            "What happens if the learning rate is too high?",
            f"At a rate of {measured.rates[-1]:g}, {lost} of {len(high)} optimizers end no better "
            "than guessing.",
            ("rates",),
        ),
        Question(
            "When is a schedule useful?",
            "When a constant rate is too large for the weights to settle at the end. "
            + _schedules(measured).removeprefix("**Schedules.** "),
            ("scheduled", "schedules"),
        ),
    ]
