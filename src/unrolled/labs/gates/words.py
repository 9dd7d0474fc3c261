"""What the numbers say. In: the numbers of a run. Out: discussion, answers, and what was found.

Each sentence is chosen by the measurement; where a number contradicts the theory, it says so.
"""

from __future__ import annotations

import numpy as np

from unrolled.labs.gates.latch import STEPS, Latch
from unrolled.labs.gates.page import half_lives, keep
from unrolled.labs.gates.reading import Reading
from unrolled.report.blocks import Question
from unrolled.report.numbers import counted, number, percent

# What the textbook predicts: gate at a step -> whether it should be open.
PREDICTED = {
    ("write", "i"): True,
    ("write", "f"): False,
    ("keep", "i"): False,
    ("keep", "f"): True,
    ("release", "i"): False,
    ("release", "f"): False,
}
NAMES = {"i": "input", "f": "forget"}


def found(bit: Latch, text: Reading) -> list[str]:
    fit = max(text.fits, key=lambda one: abs(one.correlation), default=None)
    lines = [
        f"one bit: correct at {percent(bit.right)} of the steps; unit {bit.keeper} stores it "
        f"(after resetting it, correct in {percent(wiped(bit))} instead of "
        f"{percent(bit.right_unwiped)})",
        f"its forget gate: {number(keep(bit), 2)} at keep, "
        f"{number(bit.gates['release']['f'], 2)} at release; its input gate: "
        f"{number(bit.gates['write']['i'], 2)} at write",
        f"a text: {number(text.bits, 3)} bits per character (by character frequency alone "
        f"{number(text.guessing_bits, 3)})",
    ]
    if fit:
        lines.append(
            f"unit {fit.unit} follows: {fit.feature} (correlation {number(fit.correlation, 2)}; "
            f"best before training {number(fit.untrained, 2)})"
        )
    return lines


def wiped(bit: Latch) -> float:
    """How often the bit survives when the unit that stores it is set to zero."""
    return next(one.right for one in bit.units if one.unit == bit.keeper)


def discussion(bit: Latch, text: Reading) -> str:
    return "\n\n".join([_gates(bit), _keeper(bit), _held(bit), _text(text), _units(text)])


def verdicts(bit: Latch) -> tuple[list[str], list[str]]:
    """Which of the textbook's predictions hold: open above two thirds, closed below one third."""
    held: list[str] = []
    broken: list[str] = []
    for (kind, gate), is_open in PREDICTED.items():
        value = bit.gates[kind][gate]
        words = f"{NAMES[gate]} gate at *{kind}* {number(value, 2)}"
        right = value > 2 / 3 if is_open else value < 1 / 3
        (held if right else broken).append(words)
    return held, broken


def _gates(bit: Latch) -> str:
    held, broken = verdicts(bit)
    yes = f"As the textbook predicts: {'; '.join(held)}. " if held else ""
    no = (
        f"**Against the prediction:** {'; '.join(broken)}. Training does not ask for a clean "
        "division of roles: any combination of gates that gives the right output will do"
        if broken
        else "Every prediction holds"
    )
    return f"**The gates at each command.** {yes}{no} ([@commands], [@keeper])."


def _keeper(bit: Latch) -> str:
    needed = [one.unit for one in bit.units if one.right < bit.right_unwiped - 0.05]
    follow = [one.unit for one in bit.units if abs(one.correlation) > 0.9]
    idle = [unit for unit in follow if unit not in needed]
    alone = (
        f"The bit is stored in one place: only unit {bit.keeper} matters"
        if needed == [bit.keeper]
        else f"The bit is shared by {counted(len(needed), 'unit')}"
    )
    tail = (
        f" {counted(len(idle), 'unit')} more {'follows' if len(idle) == 1 else 'follow'} the bit "
        "closely but can be reset without harm: correlation is not causation."
        if idle
        else ""
    )
    return (
        f"**Which unit stores it.** {alone}; without unit {bit.keeper} the bit is correct in "
        f"{percent(wiped(bit))} of the sequences instead of {percent(bit.right_unwiped)} "
        f"([@wiped]).{tail}"
    )


def below_half(bit: Latch) -> int | None:
    """After how many steps less than half of the bit is left; None if it never is."""
    below = np.flatnonzero(bit.held < 0.5)
    return int(below[0]) if len(below) else None


def _held(bit: Latch) -> str:
    f, end = keep(bit), len(bit.held) - 1
    alone = f**STEPS
    lost = below_half(bit)
    how_long = (
        f"The bit is still above one half after {end} steps"
        if lost is None
        else f"The bit falls below one half after {lost} steps"
    )
    seen = (
        f", {number(end / STEPS, 2)} times the length of training"
        if lost is None
        else ", within the length of training"
        if lost <= STEPS
        else f", which is longer than the {STEPS} steps it was trained on"
    )
    more = bit.held[STEPS] > 2 * alone
    why = (
        f"The forget gate alone would leave {number(alone, 2)} of it after {STEPS} steps; the "
        f"output shows {number(float(bit.held[STEPS]), 2)}. So this memory is **not** a value that "
        "decays behind a gate: the output feeds back through $U h_{t-1}$ and rewrites the bit"
        if more
        else f"The forget gate alone would leave {number(alone, 2)} of it after {STEPS} steps, and "
        f"the output shows {number(float(bit.held[STEPS]), 2)}: here the gate explains the memory"
    )
    return f"**How long it lasts.** {how_long}{seen} ([@held]). {why}."


def _text(text: Reading) -> str:
    opened = {kind: gates["f"] for kind, gates in text.at.items()}
    if len(opened) < 2:
        return (
            "**In the text** there is only one kind of character, so nothing to compare ([@kinds])."
        )
    least = min(opened, key=lambda kind: opened[kind])
    most = max(opened, key=lambda kind: opened[kind])
    gap = opened[most] - opened[least]
    size = "a clear difference" if gap > 0.05 else "a small difference"
    return (
        f"**In the text** the forget gates, averaged over all units, are lowest at {least} "
        f"({number(opened[least], 2)}) and highest at {most} ({number(opened[most], 2)}), "
        f"{size} ([@kinds], [@text-f])."
    )


def _units(text: Reading) -> str:
    better = [fit for fit in text.fits if abs(fit.correlation) > fit.untrained + 0.1]
    same = [fit for fit in text.fits if fit not in better]
    told = "; ".join(
        f"*{fit.feature}*: unit {fit.unit}, {number(abs(fit.correlation), 2)} against "
        f"{number(fit.untrained, 2)} before training"
        for fit in better
    )
    learned = f"Training produced units that follow {told}. " if better else ""
    control = (
        "It did **not** for "
        + ", ".join(f"*{fit.feature}*" for fit in same)
        + ": there the best unit of the untrained network does as well, or nearly, so such a unit "
        "is no evidence of learning"
        if same
        else "In each case no unit of the untrained network follows it as closely"
    )
    return f"**Do single units have a meaning?** {learned}{control} ([@fits])."


def questions(bit: Latch, text: Reading) -> list[Question]:
    gates, life = bit.gates, half_lives(text)
    long_ones = int((life > 10).sum())
    return [
        Question(
            "How is a bit overwritten by its opposite?",
            f"At *write* the forget gate of unit {bit.keeper} is "
            f"{number(gates['write']['f'], 2)}, so {percent(gates['write']['f'], 0)} of the old "
            "value is left, and the input gate lets in the new one with a factor of "
            f"{number(gates['write']['i'], 2)}. Step 22 of the table is an example.",
            ["commands", "steps"],
        ),
        Question(
            "A new value arrives at every step. Why does it not disturb the bit?",
            f"At *keep* the input gate is {number(gates['keep']['i'], 2)}"
            + (
                ", nearly closed."
                if gates["keep"]["i"] < 0.2
                else ": not closed. What it lets in is not the new value itself but $g_t$, which "
                "depends on $h_{t-1}$ as well."
            )
            + f" The output is correct at {percent(bit.right)} of all steps.",
            ["commands", "bit"],
        ),
        Question(
            "How do you know that a unit stores the bit, rather than just following it?",
            f"By resetting it: without unit {bit.keeper} the bit is correct in "
            f"{percent(wiped(bit))} of "
            f"the sequences, against {percent(bit.right_unwiped)}.",
            ["wiped"],
        ),
        Question(
            "How far back do the units of the text network look?",
            f"Judging by its forget gate, the slowest unit keeps half of a value for "
            f"{number(life.max(), 3)} characters, the median unit for "
            f"{number(float(np.median(life)), 2)}; "
            f"{counted(long_ones, 'unit')} of {len(life)} for more than ten.",
            ["lifetimes"],
        ),
    ]
