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
        f"one bit: right at {percent(bit.right)} of the steps; unit {bit.keeper} keeps it (wiped: "
        f"right in {percent(wiped(bit))}, untouched {percent(bit.right_unwiped)})",
        f"its forget gate: {number(keep(bit), 2)} while it keeps, "
        f"{number(bit.gates['release']['f'], 2)} when it releases; input gate "
        f"{number(bit.gates['write']['i'], 2)} when it writes",
        f"a text: {number(text.bits, 3)} bits per character (by frequency alone "
        f"{number(text.guessing_bits, 3)})",
    ]
    if fit:
        lines.append(
            f"unit {fit.unit} follows: {fit.feature} (correlation {number(fit.correlation, 2)}; "
            f"best before training {number(fit.untrained, 2)})"
        )
    return lines


def wiped(bit: Latch) -> float:
    """How often the bit survives that its keeper is set to zero."""
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
        f"**Not as it predicts:** {'; '.join(broken)}. Nothing in training asks for a clean "
        "division of labour; any mixture of the gates that gives the right output will do"
        if broken
        else "Every prediction holds"
    )
    return f"**The gates at a command.** {yes}{no} ([@commands], [@keeper])."


def _keeper(bit: Latch) -> str:
    needed = [one.unit for one in bit.units if one.right < bit.right_unwiped - 0.05]
    follow = [one.unit for one in bit.units if abs(one.correlation) > 0.9]
    idle = [unit for unit in follow if unit not in needed]
    alone = (
        f"The bit is in one place: only unit {bit.keeper} matters"
        if needed == [bit.keeper]
        else f"The bit is kept by {counted(len(needed), 'unit')} together"
    )
    tail = (
        f" {counted(len(idle), 'unit')} more {'follows' if len(idle) == 1 else 'follow'} the bit "
        "closely and can be wiped without harm: correlation is not causation."
        if idle
        else ""
    )
    return (
        f"**Who keeps it.** {alone}; without unit {bit.keeper} the bit is right in "
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
        else f", which is beyond the {STEPS} steps of training, and nothing had taught it more"
    )
    more = bit.held[STEPS] > 2 * alone
    why = (
        f"The forget gate alone would leave {number(alone, 2)} of it after {STEPS} steps; the "
        f"output shows {number(float(bit.held[STEPS]), 2)}. So this memory is **not** a value that "
        "fades behind a gate: the output comes back through $U h_{t-1}$ and writes the bit anew"
        if more
        else f"The forget gate alone would leave {number(alone, 2)} of it after {STEPS} steps, and "
        f"the output shows {number(float(bit.held[STEPS]), 2)}: here the gate explains the memory"
    )
    return f"**How long.** {how_long}{seen} ([@held]). {why}."


def _text(text: Reading) -> str:
    opened = {kind: gates["f"] for kind, gates in text.at.items()}
    if len(opened) < 2:
        return "**In the text** there is only one kind of character to compare ([@kinds])."
    least = min(opened, key=lambda kind: opened[kind])
    most = max(opened, key=lambda kind: opened[kind])
    gap = opened[most] - opened[least]
    size = "clearly" if gap > 0.05 else "only just"
    return (
        f"**In the text** the forget gates are, over all units, most closed at {least} "
        f"({number(opened[least], 2)}) and most open at {most} ({number(opened[most], 2)}), "
        f"{size} apart ([@kinds], [@text-f])."
    )


def _units(text: Reading) -> str:
    better = [fit for fit in text.fits if abs(fit.correlation) > fit.untrained + 0.1]
    same = [fit for fit in text.fits if fit not in better]
    told = "; ".join(
        f"*{fit.feature}*: unit {fit.unit}, {number(abs(fit.correlation), 2)} against "
        f"{number(fit.untrained, 2)} before training"
        for fit in better
    )
    learned = f"Training has made units for {told}. " if better else ""
    control = (
        "It has **not** for "
        + ", ".join(f"*{fit.feature}*" for fit in same)
        + ": there the best unit of the untrained network does as well or nearly, and whoever "
        "shows such a unit without this comparison shows nothing"
        if same
        else "In each case the untrained network has no such unit"
    )
    return f"**Does a unit mean something?** {learned}{control} ([@fits])."


def questions(bit: Latch, text: Reading) -> list[Question]:
    gates, life = bit.gates, half_lives(text)
    long_ones = int((life > 10).sum())
    return [
        Question(
            "How is a bit overwritten by its opposite?",
            f"At *write* the forget gate of unit {bit.keeper} stands at "
            f"{number(gates['write']['f'], 2)}, so that of the old value "
            f"{percent(gates['write']['f'], 0)} is left, and the new one comes in with "
            f"{number(gates['write']['i'], 2)}. Step 22 of the table shows one.",
            ["commands", "steps"],
        ),
        Question(
            "Values go by at every step. Why do they not disturb the bit?",
            f"While it keeps, the input gate stands at {number(gates['keep']['i'], 2)}"
            + (
                ", nearly shut."
                if gates["keep"]["i"] < 0.2
                else ": not shut. What is let in then is not the passing value but $g_t$, which "
                "depends on $h_{t-1}$ as well."
            )
            + f" The output is right at {percent(bit.right)} of all steps.",
            ["commands", "bit"],
        ),
        Question(
            "How does one know that a unit keeps the bit, and does not only go along with it?",
            f"By wiping it: without unit {bit.keeper} the bit is right in {percent(wiped(bit))} of "
            f"the sequences, against {percent(bit.right_unwiped)}.",
            ["wiped"],
        ),
        Question(
            "How far back do the units of the text network look?",
            f"By its forget gate the longest keeps half of a value for {number(life.max(), 3)} "
            f"characters, the middle one for {number(float(np.median(life)), 2)}; "
            f"{counted(long_ones, 'unit')} of {len(life)} for more than ten.",
            ["lifetimes"],
        ),
    ]
