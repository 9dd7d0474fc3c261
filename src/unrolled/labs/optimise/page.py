"""What the page shows. In: the numbers of a run. Out: sections; next: `words` talks about them."""

from __future__ import annotations

import numpy as np

from unrolled.labs.optimise import measuring
from unrolled.labs.optimise.measuring import (
    BATCH,
    BITS,
    CLIP,
    FLIPPED,
    FLOOR,
    LEARNED,
    LONGER,
    MINIMUM,
    SCHEDULED,
    SCHEDULED_RATE,
    SEQUENCES,
    UNSEEN,
    Measured,
    Trained,
)
from unrolled.report.blocks import Code, Figure, Math, Prose, Table, code_of
from unrolled.report.figures import curves, heat_map, paths
from unrolled.report.numbers import percent
from unrolled.textbook import Adam, RMSprop
from unrolled.textbook.schedules import Cosine

GUESS = float(np.log(2))
PLAIN = ("sgd", "momentum", "nesterov")
ADAPTIVE = ("adagrad", "rmsprop", "adam", "adamw")

AIM = """
Compare seven optimizers (SGD, momentum, Nesterov, AdaGrad, RMSprop, Adam, AdamW) and four schedules
of the learning rate: first on a function of two numbers, where the whole path can be drawn, then on
a recurrent network. Each optimizer is shown at its best learning rate, and the results at the other
rates are shown as well.
"""


def theory() -> list[Prose | Math]:
    return [
        Prose(
            "Every optimizer turns a gradient $g$ into a step. Gradient descent (SGD) follows it:"
        ),
        Math(r"w \leftarrow w - \eta \, g", "sgd", "$\\eta$ is the learning rate"),
        Prose(
            "**Momentum** accumulates past gradients: components that alternate cancel, and those "
            "that keep their direction add up. **Nesterov** evaluates the gradient a step ahead:"
        ),
        Math(r"v \leftarrow \mu v + g, \qquad w \leftarrow w - \eta \, v", "momentum"),
        Prose(
            "**RMSprop** divides each component by its recent magnitude, so that steps in steep "
            "and flat directions have similar lengths. **AdaGrad** divides by a sum over all past "
            "gradients, which only grows:"
        ),
        Math(
            r"s \leftarrow \beta s + (1 - \beta) g^2, \qquad "
            r"w \leftarrow w - \frac{\eta \, g}{\sqrt{s} + \epsilon}",
            "rmsprop",
        ),
        Prose("**Adam** combines the two; **AdamW** also decays every weight a little:"),
        Math(
            r"m \leftarrow \beta_{1} m + (1 - \beta_{1}) g, \qquad "
            r"s \leftarrow \beta_{2} s + (1 - \beta_{2}) g^2, \qquad "
            r"w \leftarrow w - \frac{\eta \, \hat{m}}{\sqrt{\hat{s}} + \epsilon}",
            "adam",
            "The hats correct the bias of starting from zero (Kingma & Ba 2015).",
        ),
        Prose(
            "The predictions: in a narrow valley the steep direction limits the learning rate of "
            "plain SGD, so the other optimizers get further. And a decreasing rate lets the "
            "weights settle, while a constant rate keeps them moving."
        ),
    ]


def landscape(measured: Measured) -> list[Prose | Math | Table | Figure]:
    return [
        Prose(
            "The landscape is a curved valley (Rosenbrock 1960): its sides are steep, and its "
            "floor is nearly flat:"
        ),
        Math(
            r"L(a, b) = (1 - a)^2 + 20 (b - a^2)^2",
            "rosenbrock",
            "the minimum is at $a = b = 1$, where $L = 0$",
        ),
        Prose(
            f"Each optimizer starts at (-1.2, 1) and takes {measured.steps} steps, with each of "
            f"{len(measuring.LANDSCAPE_RATES)} learning rates from 0.0001 to 1. The run that ends "
            "lowest is shown."
        ),
        Figure(
            "valley",
            "The paths through the valley",
            [
                paths(
                    {name: measured.paths[name].points for name in names},
                    measuring.height, x_range=(-1.8, 1.8), y_range=(-0.6, 2.2),
                    target=MINIMUM, x_label="a", y_label="b", title=title,
                )
                for names, title in ((PLAIN, "Not adaptive"), (ADAPTIVE, "Adaptive"))
            ],
            "Contour lines of a curved valley, and the path of each optimizer from the left to "
            "the minimum on the right.",
            "Contour lines join points of equal loss. The star is the minimum.",
        ),
        Table(
            "descent",
            f"After {measured.steps} steps on the landscape.",
            ["optimizer", "best rate", "final loss", "distance from the minimum",
             "crossings of the floor"],
            [[name, f"{path.rate:.2g}", path.end,
              float(np.linalg.norm(path.points[-1] - MINIMUM)), path.turns]
             for name, path in measured.paths.items()],
            digits=3,
        ),
    ]  # fmt: skip


def network(measured: Measured) -> list[Prose | Table | Figure]:
    best = {name: measured.best(name) for name in measured.trained}
    return [
        Prose(
            f"The same optimizers train an Elman network to add binary numbers of {BITS} bits. "
            f"There are {SEQUENCES} training sums in batches of {BATCH}, {UNSEEN} test sums, and "
            f"{measured.updates} updates; gradients are clipped to a norm of {CLIP:g}. All start "
            "from the same weights and see the same batches."
        ),
        Figure(
            "learning",
            "Each optimizer at its best rate",
            [
                curves(
                    {name: _smooth(best[name]) for name in names},
                    x_label="update", y_label="loss per bit (nats)", log_y=True,
                    levels={"guessing": GUESS}, title=title,
                )
                for names, title in ((PLAIN, "Not adaptive"), (ADAPTIVE, "Adaptive"))
            ],
            "The training loss over the updates, a line for each optimizer.",
            "Mean of ten updates.",
        ),
        Table(
            "trained",
            f"Each optimizer at its best rate. *Learned* means below {LEARNED:g} nats per bit.",
            ["optimizer", "best rate", "test loss per bit", "bits correct", "learned after update"],
            [[name, f"{one.rate:g}", one.final, percent(one.correct),
              str(one.learned_after or "–")] for name, one in best.items()],
            digits=3,
        ),
        Figure(
            "rates",
            "The test loss by optimizer and learning rate",
            heat_map(
                [[one.final if np.isfinite(one.final) else np.nan for one in runs]
                 for runs in measured.trained.values()],
                x_label="learning rate", y_label="optimizer", unit="test loss per bit",
                columns=[f"{rate:g}" for rate in measured.rates], rows=list(measured.trained),
                limits=(0.0, GUESS), show_values=True,
            ),
            "A heat map: optimizers in rows, learning rates in columns.",
            "Dark is good. Guessing has 0.69. A field is empty if the loss became infinite.",
        ),
    ]  # fmt: skip


def schedules(measured: Measured) -> list[Prose | Table | Figure]:
    return [
        Prose(
            "A schedule multiplies the learning rate by a factor after each epoch. It matters at "
            "the end of a run, when noise in the gradient keeps the weights moving. So these runs "
            f"are {LONGER} times as long, and {percent(FLIPPED, 0)} of the training bits are "
            "flipped. Even a network that predicts every new bit correctly then has a loss of "
            f"{FLOOR:.3f}, the lowest that can be expected. *{SCHEDULED}* always starts at a rate "
            f"of {SCHEDULED_RATE:g}, which stays constant, falls in steps, falls exponentially, or "
            "follows half a cosine."
        ),
        Figure(
            "schedules",
            "Four schedules",
            [
                curves(
                    {name: one.rates for name, one in measured.scheduled.items()},
                    x_label="update", y_label="learning rate", title="The rate",
                ),
                curves(
                    {name: _smooth(one) for name, one in measured.scheduled.items()},
                    x_label="update", y_label="loss per bit (nats)", log_y=True,
                    levels={"guessing": GUESS}, title="The training loss",
                ),
            ],
            "On the left the learning rate of each schedule, on the right the loss.",
            "Right: mean of ten updates.",
        ),
        Table(
            "scheduled",
            f"Each schedule with {SCHEDULED}.",
            ["schedule", "last rate", "test loss per bit", "above the minimum", "bits correct"],
            [[name, one.rates[-1], one.final, one.final - FLOOR, percent(one.correct)]
             for name, one in measured.scheduled.items()],
            digits=3,
        ),
    ]  # fmt: skip


def code() -> list[Prose | Code]:
    return [
        Prose("Two optimizers and a schedule, as they ran here:"),
        code_of(RMSprop),
        code_of(Adam),
        code_of(Cosine),
        Prose("And one training run:"),
        code_of(measuring.train),
    ]


def _smooth(one: Trained, width: int = 10) -> tuple[np.ndarray, np.ndarray]:
    width = min(width, len(one.losses))
    means = np.convolve(one.losses, np.full(width, 1 / width), "valid")
    return np.arange(len(means)) + width, means
