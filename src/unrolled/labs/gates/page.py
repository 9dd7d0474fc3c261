"""What the page shows. In: the numbers of a run. Out: sections; next: `words` talks about them."""

from __future__ import annotations

import numpy as np

from unrolled.cells import LSTM
from unrolled.cells.base import equation
from unrolled.labs.gates import latch, reading
from unrolled.labs.gates.latch import KINDS, STEPS, TESTED, Latch
from unrolled.labs.gates.reading import Reading
from unrolled.report.blocks import Code, Figure, Math, Prose, Table, code_of
from unrolled.report.drawing import Panel
from unrolled.report.figures import curves, heat_map
from unrolled.report.numbers import number, percent

AIM = """
To see what the gates of an LSTM do, in two networks that this page trained: one that must store a
single bit, where we know at every step what should happen, and one that reads a text, where nothing
tells it what to remember.
"""


def theory() -> list[Prose | Math]:
    return [
        Prose("The LSTM, as unrolled prints it from its definition:"),
        Math(equation(LSTM).latex, "lstm"),
        Prose(
            "Each gate is a number between 0 and 1 for each unit. The **input gate** $i_t$ says "
            "how much of the new value $g_t$ is written, the **forget gate** $f_t$ how much of the "
            "old $c_{t-1}$ is kept, the **output gate** $o_t$ how much of it is output. So the "
            "textbook predicts:\n\n"
            "- *write*: $i$ near 1, and $f$ near 0, so that the old value is erased;\n"
            "- *keep*: $f$ near 1, and $i$ near 0, so that nothing new is added;\n"
            "- *release*: $f$ near 0 and $i$ near 0.\n\n"
            "If the forget gate alone keeps a value, what is left of it after $k$ steps is $f^k$."
        ),
    ]


def steps(bit: Latch) -> list[Prose | Table]:
    rows = []
    for t, (x, target) in enumerate(zip(bit.inputs[:, :, 0], bit.targets[:, 0, 0], strict=True)):
        write, value, release = x
        command = "write" if write else "release" if release else ""
        f, i, c = (bit.gate(name)[bit.keeper, t] for name in ("f", "i", "c"))
        rows.append([t, command, f"{value:+.0f}", f"{target:+.0f}" if target else "0",
                     float(bit.trace.outputs[t, 0, 0]), float(f), float(i), float(c)])  # fmt: skip
    return [
        Prose(
            "**One bit.** At every step the input is a random value, 1 or -1. With a *write* "
            "command "
            "the network must store it; at *release* it must forget what it stored; without a "
            "command it must ignore the value. The output should be the stored bit, or 0.\n\n"
            f"1. Train a small LSTM on random sequences of {STEPS} steps.\n"
            "2. Feed it a sequence with known commands, and record its gates.\n"
            "3. Set the state of one unit to zero while a bit is stored: if the bit is lost, the "
            f"unit was storing it. Repeat for each unit, over {TESTED} sequences.\n\n"
            "**A text.** Train an LSTM to predict the next character, record its gates on unseen "
            "text, and look for units whose state follows something a reader would keep in mind."
            "\n\nThe first sequence in full, with the gates of the unit that stores the bit:"
        ),
        Table(
            "steps",
            f"The sequence drawn below, and unit {bit.keeper}.",
            ["step", "command", "value", "wanted", "output", "f", "i", "c"],
            rows,
            digits=3,
        ),
    ]


def code() -> list[Prose | Code]:
    return [
        Prose("The output of a perfect one-bit memory:"),
        code_of(latch.follow),
        Prose("Which unit stores it, found by resetting each in turn:"),
        code_of(latch.wipe_each),
        Prose("What a reader keeps in mind:"),
        code_of(reading.features),
    ]


def bit_result(bit: Latch) -> list[Prose | Figure | Table]:
    return [
        Prose(
            f"On unseen sequences, the output (-1, 0 or 1) is correct at {percent(bit.right)} "
            "of the "
            "steps."
        ),
        _bit_figure(bit),
        _keeper(bit),
        *_tables(bit),
        _held(bit),
    ]


def _keeper(bit: Latch) -> Figure:
    """The unit that keeps the bit."""
    return Figure(
            "keeper",
            f"Unit {bit.keeper}, which stores the bit",
            curves(
                {"f": bit.gate("f")[bit.keeper], "i": bit.gate("i")[bit.keeper],
                 "c": bit.gate("c")[bit.keeper]},
                x=list(range(len(bit.inputs))), x_label="step", y_label="gate, or state",
                marks={"write": 4, "release": 12},
            ),
            "Forget gate, input gate and state of one unit over the steps.",
            "Written at step 4, released at 12, written again at 16 and overwritten at 22.",
        )  # fmt: skip


def _tables(bit: Latch) -> list[Table]:
    """What its gates do at each command, and what is lost without each unit."""
    return [
        Table(
            "commands",
            f"Unit {bit.keeper}: the mean of each gate, by command, over {TESTED} unseen "
            "sequences.",
            ["step", "input gate i", "forget gate f", "output gate o", "size of c"],
            [[kind, *(bit.gates[kind][name] for name in ("i", "f", "o", "c"))] for kind in KINDS],
            digits=3,
        ),
        Table(
            "wiped",
            "Each unit set to zero while a bit is stored: how often the bit is still correct four "
            f"steps later (without resetting: {percent(bit.right_unwiped)}), and how closely the "
            "unit's state follows the bit.",
            ["unit", "correct after resetting", "correlation with the bit"],
            [[str(one.unit), percent(one.right), one.correlation] for one in bit.units],
            digits=3,
        ),
    ]


def _held(bit: Latch) -> Figure:
    """The output long after the bit was written."""
    return Figure(
            "held",
            "How long a bit is kept",
            curves(
                {
                    "output / bit": (range(len(bit.held)), bit.held),
                    f"f to the power of the steps, f = {number(keep(bit), 3)}": (
                        range(len(bit.held)), keep(bit) ** np.arange(len(bit.held))
                    ),
                },
                x_label="steps since it was written", y_label="share of the bit",
                marks={"length in training": STEPS}, levels={"half": 0.5},
            ),
            "The output over 200 steps beside a falling power.",
            "Values go by all the time. The power is what the forget gate alone would leave.",
        )  # fmt: skip


def keep(bit: Latch) -> float:
    """The mean of the keeper's forget gate while a bit is kept."""
    return bit.gates["keep"]["f"]


def _bit_figure(bit: Latch) -> Figure:
    at = list(range(len(bit.inputs)))
    panels: list[Panel] = [
        curves(
            {"wanted": (at, bit.targets[:, 0, 0]), "output": (at, bit.trace.outputs[:, 0, 0])},
            x_label="step", y_label="bit", title="Target and output",
        )
    ]  # fmt: skip
    for name, title in (("f", "Forget gate"), ("i", "Input gate"), ("c", "State c")):
        is_state = name == "c"
        panels.append(
            heat_map(
                bit.gate(name), x_label="step", y_label="unit", title=title,
                unit="c" if is_state else "open", center=0.0 if is_state else None,
                limits=None if is_state else (0.0, 1.0),
            )
        )  # fmt: skip
    return Figure(
        "bit",
        "One bit written, kept, released",
        panels,
        "Four panels: the output follows the target bit; gates and states as heat maps.",
        "Commands come at steps 4 (write), 12 (release), 16 (write) and 22 (write the opposite).",
    )


def _text_gates(text: Reading) -> list[Figure]:
    """Each gate over a piece of text."""
    letters = ["␣" if letter == " " else "⏎" if letter == "\n" else letter for letter in text.drawn]
    units = [str(unit) for unit in text.busy]
    names = {"f": "forget", "i": "input", "o": "output"}
    return [
        Figure(
            f"text-{name}",
            f"The {word} gate over a text",
            heat_map(
                text.gates[name][text.busy], x_label="character read", y_label="unit",
                unit="open", limits=(0.0, 1.0), columns=letters, rows=units,
            ),
            f"A heat map: units in rows, characters in columns, brightness is how open the {word} "
            "gate is.",
            "The twelve units whose forget gate varies most over this piece of text.",
        )
        for name, word in names.items()
    ]  # fmt: skip


def text_result(text: Reading) -> list[Prose | Code | Figure | Table]:
    return [
        Prose(
            f"The second network learned from {number(text.characters)} characters of {text.source}"
            f" ({text.symbols} different ones). On unseen text it needs "
            f"{number(text.bits, 3)} bits; a model that knows only their frequencies needs "
            f"{number(text.guessing_bits, 3)}. It continues a text like this:"
        ),
        Code(text.sample, "240 characters, drawn with the temperature 0.5.", language="text"),
        *_text_gates(text),
        Table(
            "kinds",
            "The mean of each gate over all units, by the character that is read.",
            ["character read", "input gate i", "forget gate f", "output gate o"],
            [[kind, gates["i"], gates["f"], gates["o"]] for kind, gates in text.at.items()],
            digits=3,
        ),
        Table(
            "fits",
            "Features a reader would track: the unit whose state follows each most closely, and "
            "how closely the best unit did before training.",
            ["feature", "unit", "correlation", "best before training"],
            [[fit.feature, str(fit.unit), fit.correlation, fit.untrained] for fit in text.fits],
            digits=2,
        ),
        _lifetimes(text),
    ]


def _lifetimes(text: Reading) -> Figure:
    life = np.sort(half_lives(text))[::-1]
    return Figure(
        "lifetimes",
        "How long each unit would keep a value",
        curves(
            {"half-life": (np.arange(1, len(life) + 1), life)},
            x_label="unit, by rank", y_label="half-life (characters)", log_y=True,
        ),
        "A falling curve: a few units have long half-lives, most only a few characters.",
        "From the mean of each unit's forget gate: the number of steps after which half of c is "
        "left.",
    )  # fmt: skip


def half_lives(text: Reading) -> np.ndarray:
    """ln 2 / -ln f for each unit's mean forget gate."""
    f = np.clip(text.means["f"], 1e-9, 1 - 1e-9)
    halves: np.ndarray = np.log(2) / -np.log(f)
    return halves
