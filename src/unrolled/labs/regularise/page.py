"""What the page shows. In: the numbers of a run. Out: sections; next: `words` talks about them."""

from __future__ import annotations

from unrolled.cells import LSTM
from unrolled.cells.base import equation
from unrolled.cells.modified import modified
from unrolled.labs.regularise import measuring
from unrolled.labs.regularise.measuring import BATCH, EMBEDDING, HELD_OUT, STEPS, VARIANTS, Measured
from unrolled.report.blocks import Code, Figure, Math, Prose, Table, code_of
from unrolled.report.figures import bars, curves

AIM = """
A network with enough weights memorizes a short text: the training loss keeps falling, and the test
loss rises again. Measure how four modifiers of the cell change that gap: zoneout, variational
dropout, weight drop, and layer norm.
"""


def theory() -> list[Prose | Math]:
    zoneout = modified(equation(LSTM), VARIANTS["zoneout"])
    return [
        Prose(
            "Each modifier changes the equation of the step. With **zoneout** (Krueger et al. "
            "2017) each unit keeps its old value at random, so the network cannot rely on any "
            "single update:"
        ),
        Math(zoneout.latex, "zoneout", "The LSTM with zoneout: the masks are drawn at each step."),
        Prose(
            "**Variational dropout** (Gal & Ghahramani 2016) drops units with one mask for the "
            "whole sequence, on the input and on the state where it is multiplied by a matrix. "
            "**Weight drop** (Merity et al. 2018) drops single entries of the recurrent matrices. "
            "In evaluation all three masks are replaced by their means. **Layer norm** (Ba et al. "
            "2016) is not random: it scales every pre-activation, and gradients with it.\n\n"
            "The predictions: without a modifier the test loss starts to rise while the training "
            "loss keeps falling. The three random modifiers reduce the gap, at the price of a "
            "higher training loss, and reach a lower test loss. Layer norm speeds up training, but "
            "there is no reason why it should reduce the gap."
        ),
    ]


def steps(measured: Measured, hidden: int, epochs: int) -> list[Prose]:
    return [
        Prose(
            f"1. Split {measured.characters:,} characters of text ({measured.symbols} different "
            f"ones) into windows of {STEPS}; the last 1/{HELD_OUT} of the text is for testing.\n"
            f"2. Train an LSTM with {hidden} units and embeddings of {EMBEDDING} numbers to "
            f"predict the next character, for {epochs} epochs in batches of {BATCH}, the same for "
            "each variant.\n"
            "3. After each epoch, measure the bits per character on both parts, without random "
            "masks."
        )
    ]


def code() -> list[Prose | Code]:
    return [Prose("The network, and its training:"), code_of(measuring.Reader),
            code_of(measuring.read)]  # fmt: skip


def result(measured: Measured) -> list[Prose | Table | Figure]:
    readings = measured.readings
    return [
        Figure(
            "curves",
            "Bits per character over the epochs",
            [
                curves({name: one.train for name, one in readings.items()},
                       x_label="epoch", y_label="bits per character", title="Training"),
                curves({name: one.test for name, one in readings.items()},
                       x_label="epoch", y_label="bits per character", title="Test"),
            ],
            "On the left the training loss of each variant, on the right the test loss.",
            "A variant overfits if its curve falls on the left and rises on the right.",
        ),
        Table(
            "numbers",
            "Each variant. The gap is test minus training after the last epoch.",
            ["modifier", "training, last epoch", "test, last epoch", "gap", "best test",
             "in epoch"],
            [[name, one.train[-1], one.test[-1], one.gap, one.test[one.best], one.best + 1]
             for name, one in readings.items()],
            digits=3,
        ),
        Figure(
            "gaps",
            "The gap after the last epoch",
            bars({name: one.gap for name, one in readings.items()}, y_label="bits per character"),
            "A bar for each variant: by how much the test loss is above the training loss.",
        ),
    ]  # fmt: skip
