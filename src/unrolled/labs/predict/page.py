"""What lab `predict` has to say. In: what was measured. Out: lines, and the sections of a page."""

from __future__ import annotations

import textwrap

import numpy as np

from unrolled.cells import LSTM, Elman
from unrolled.cells.base import equation
from unrolled.labs.predict import mistakes, text, wave
from unrolled.labs.predict.mistakes import Version
from unrolled.labs.predict.text import Text
from unrolled.labs.predict.wave import BLOCKS, KNOWN, LENGTH, NOISE, Wave
from unrolled.report.blocks import (
    Code,
    Figure,
    Math,
    Prose,
    Question,
    Section,
    Table,
    code_of,
)
from unrolled.report.figures import curves, forecast
from unrolled.report.numbers import number, percent
from unrolled.textbook import generate_symbols, generate_values

WRONG = 1e-5  # a relative error above this is not rounding
WIDTH = 44  # characters on a line
SMOOTH = 50  # updates of which a curve shows the mean


def found(sines: Wave, story: Text, versions: list[Version]) -> list[str]:
    near, far = (sines.error(sines.generated, *BLOCKS[n]) for n in (0, -1))
    right = versions[0]
    return [
        f"the wave: error {near:.3f} over the next {BLOCKS[0][1]} values, {far:.3f} from "
        f"{BLOCKS[-1][0]} to {BLOCKS[-1][1]} steps ahead",
        f"the text: {story.bits_test:.2f} bits per character on the unseen tenth "
        f"(a guess: {story.guess:.2f})",
        f"the right gradient: largest relative error {max(right.errors.values()):.1e}, loss "
        f"{_end(right):.4f} at the end",
        *(
            f"with the mistake “{one.name}”: largest relative error "
            f"{max(one.errors.values()):.1e}, loss {_end(one):.4f} at the end"
            for one in versions[1:]
        ),
    ]


def _end(version: Version) -> float:
    return float(np.mean(version.losses[-SMOOTH:]))


def sections(sines: Wave, story: Text, versions: list[Version]) -> list[Section]:
    """The page, from the aim to the answers."""
    return [
        Section("Aim", [Prose(AIM)]),
        Section("Theory", _theory()),
        Section("A wave goes on", _wave(sines)),
        Section("A text goes on", _text(story)),
        Section("A mistake, and how it is found", _mistake(versions)),
        Section("Code to read", _code()),
        Section("Discussion", [Prose(_discussion(sines, story, versions))]),
        Section("Questions and answers", _questions(sines, story, versions)),
    ]


AIM = """
A network that predicts the next element can continue by itself: its output becomes its next
input. Do this with values (a wave continues) and with symbols (a text continues), and measure how
the quality changes with the distance. Then look at a mistake that many published sheets make in
the backward pass, at how far one gets with it, and at the check that finds it.
"""


def _theory() -> list[Prose | Math]:
    return [
        Prose("In training the true next element is known at every step, and the target is that:"),
        Math(r"y_{t} = V h_{t} + c \approx x_{t+1}", "target", "one step ahead"),
        Prose(
            "Afterwards the output takes the place of the input. Errors come back with it, so they "
            "can grow; and small ones may be corrected by a state that knows the rhythm."
        ),
        Math(r"x_{t+1} \leftarrow y_{t}", "feedback", "each output is fed back"),
        Prose(
            "For symbols the output is a score for each; one of them is drawn. The *temperature* "
            r"$\tau$ says how boldly: near 0 always the likeliest, at 1 as the network believes."
        ),
        Math(
            r"p_{k} = \frac{\exp(y_{k} / \tau)}{\sum_{j} \exp(y_{j} / \tau)}", "temperature",
            "the probability of a symbol",
        ),
        Prose("The wave is learned by the simple network, the text by the LSTM:"),
        Math(equation(Elman).latex, "elman", "as unrolled prints it"),
        Math(equation(LSTM).latex, "lstm", "as unrolled prints it"),
    ]  # fmt: skip


# -------------------------------------------------------------------------------------- the parts


def _wave(sines: Wave) -> list[Prose | Table | Figure]:
    slow, fast = sorted(sines.periods, reverse=True)
    rows = [
        (name, *(sines.error(guess, *block) for block in BLOCKS))
        for name, guess in {"one step ahead": sines.taught, **sines.guesses}.items()
    ]
    return [
        Prose(
            f"Two sines with periods of {slow:.2f} and {fast:.2f} steps, and noise of {NOISE:g} on "
            f"top. {KNOWN} values are known; the network learned from windows of {LENGTH} of them "
            f"({sines.history.stopped}). It then reads all {KNOWN}, and goes on alone."
        ),
        _continued(sines),
        Table(
            "ahead",
            "root mean square error against the wave without noise, by steps ahead",
            ("", *(f"{first}–{last}" for first, last in BLOCKS)),
            rows,
            digits=3,
        ),
        _distance(sines),
    ]


def _continued(sines: Wave, shown: int = 60) -> Figure:
    ahead = np.arange(1, len(sines.came) + 1)
    return Figure(
        "wave",
        "The wave, continued",
        forecast(
            (np.arange(-shown, 0) + 1, sines.known[-shown:]),
            (ahead, sines.generated),
            truth=(ahead, sines.came),
            x_label="steps ahead",
            y_label="value",
        ),
        alt="A wave of two periods; after step 0 the generated values and what came.",
        caption="Solid black: what was known. Dotted: what came (without noise). Colour: each "
        "value made from the one before.",
    )


def _distance(sines: Wave) -> Figure:
    ahead = np.arange(1, len(sines.came) + 1)
    return Figure(
        "distance",
        "How the error grows",
        curves(
            {
                "fed back": (ahead, _running(np.abs(sines.generated - sines.came))),
                "one step ahead": (ahead, _running(np.abs(sines.taught - sines.came))),
            },
            x_label="steps ahead",
            y_label="mean error of 20 steps",
        ),
        alt="Two curves: the error with feedback and the error when the true value comes in.",
        caption="“One step ahead” is given the true value at every step.",
    )


def _running(distance: np.ndarray, width: int = 20) -> np.ndarray:
    sums = np.cumsum(np.concatenate([np.zeros(width), distance]))
    counts = np.minimum(np.arange(1, len(distance) + 1), width)
    means: np.ndarray = (sums[width:] - sums[:-width]) / counts
    return means


def _text(story: Text) -> list[Prose | Table | Figure | Code]:
    model = story.model
    bits = story.bits_by_epoch
    samples: list[Code] = [
        Code(
            _wrapped(f"{story.prompt}▸{one.text}"),
            f"temperature {one.temperature:g}",
            language="text",
        )
        for one in story.samples
    ]
    return [
        Prose(
            f"{number(story.characters)} characters, {len(model.alphabet)} different ones; nine "
            f"tenths were read {len(bits)} times, in windows of {text.LENGTH}, with the states "
            f"carried from window to window."
        ),
        Figure(
            "bits",
            "Learning to read",
            curves(
                {"while learning": bits},
                x_label="epoch",
                y_label="bits per character",
                levels={"unseen, at the end": story.bits_test, "all alike": story.guess},
            ),
            alt=f"Bits per character fall from {bits[0]:.2f} to {bits[-1]:.2f}.",
        ),
        Prose(f"After ▸ the network writes; the prompt is the beginning of what it has not read. "
              f"{text.WRITTEN} characters each:"),
        *samples,
        Table(
            "temperatures",
            "how careful and how varied",
            ("temperature", "words that the text has", "pieces of 8 that came before"),
            [(f"{s.temperature:g}", percent(s.known_words), percent(s.repeated))
             for s in story.samples],
        ),
    ]  # fmt: skip


def _wrapped(written: str) -> str:
    """Lines that a phone can show; those of the text stay lines."""
    lines = [textwrap.wrap(line, WIDTH, drop_whitespace=False) for line in written.splitlines()]
    return "\n".join("\n".join(parts) for parts in lines)


def _mistake(versions: list[Version]) -> list[Prose | Table | Figure | Code]:
    names = list(versions[0].errors)
    series = {one.name: _mean_curve(one.losses) for one in versions}
    return [
        Prose(
            "Here is backpropagation through time for the simple network, in full, with two "
            "switches for two mistakes that are found in published sheets. With the first, the "
            "*last* hidden state is used at every step of the way back, where each step needs its "
            "own. With the second, the input is counted twice. Both run, and give gradients of the "
            "right shapes."
        ),
        code_of(mistakes.bptt, "right, unless a switch is set"),
        Prose(
            "The check moves each weight a little up and down and compares the slope of the loss "
            "with what the code says:"
        ),
        Table(
            "check",
            "relative error of the gradient of each weight, and the cosine between the whole "
            "gradient and the slope",
            ("", *(f"`{name.removesuffix('_l0')}`" for name in names), "cosine"),
            [
                (one.name, *(f"{one.errors[name]:.0e}" for name in names), f"{one.cosine:.3f}")
                for one in versions
            ],
        ),
        Prose(
            f"And this is training with each. The task takes memory: $y_{{t}} = x_{{t}} x_{{t-"
            f"{mistakes.DELAY}}}$. Same first weights, same data, plain gradient descent."
        ),
        Figure(
            "training",
            "Learning with right and wrong gradients",
            curves(
                series,
                x_label=f"update (mean of {SMOOTH})",
                y_label="loss a step",
                log_y=True,
            ),
            alt="Loss over the updates for the right gradient and three wrong ones; at the end: "
            + ", ".join(f"{one.name} {_end(one):.4f}" for one in versions),
        ),
    ]


def _mean_curve(losses: list[float]) -> tuple[np.ndarray, np.ndarray]:
    groups = len(losses) // SMOOTH
    means = np.array(losses[: groups * SMOOTH]).reshape(groups, SMOOTH).mean(axis=1)
    return SMOOTH * (np.arange(groups) + 1.0), means


def _code() -> list[Prose | Code]:
    return [
        Prose("Feeding back is a few lines."),
        code_of(generate_values, "values: each output is the next input"),
        code_of(generate_symbols, "symbols: drawn, then fed back"),
        code_of(wave.windows, "how the wave is cut for learning"),
    ]


# ---------------------------------------------------------------------------------- what it means


def _discussion(sines: Wave, story: Text, versions: list[Version]) -> str:
    near, far = (sines.error(sines.generated, *BLOCKS[n]) for n in (0, -1))
    period = sines.error(sines.guesses["the last period again"], *BLOCKS[-1])
    beats = "less" if far < period else "**more**"
    growth = "grows" if far > near else "does **not** grow"
    return f"""
**The wave.** With feedback the error {growth} with the distance: {near:.3f} at first, {far:.3f} at
the end. That is {beats} than repeating the last period, {period:.3f} ([@ahead], [@distance]).

**The text.** The network needs {story.bits_test:.2f} bits for a character it has not seen, where a
guess needs {story.guess:.2f}, and {story.bits_train:.2f} for what it has read ([@bits]).
{_tempered(story)} ([@temperatures])

**The mistake.** {_caught(versions)} ([@check]) {_consequence(versions)} ([@training])
"""


def _tempered(story: Text) -> str:
    coldest, hottest = story.samples[0], story.samples[-1]
    words = (
        f"At temperature {coldest.temperature:g} {percent(coldest.known_words)} of its words are "
        f"words of the text and {percent(coldest.repeated)} of its pieces repeat earlier ones; at "
        f"{hottest.temperature:g} it is {percent(hottest.known_words)} and "
        f"{percent(hottest.repeated)}."
    )
    if coldest.repeated > hottest.repeated and coldest.known_words >= hottest.known_words:
        return words + " Cold, it is correct and goes round in circles; hot, it invents."
    return words + " The usual trade of correctness for variety does **not** show in this run."


def _caught(versions: list[Version]) -> str:
    wrong = [one for one in versions[1:] if max(one.errors.values()) > WRONG]
    right = max(versions[0].errors.values())
    return (
        f"The right gradient agrees with the slope to {right:.0e}; {len(wrong)} of the "
        f"{len(versions) - 1} wrong ones are off by "
        f"{min(max(one.errors.values()) for one in wrong):.2f} and more in some weight."
        if wrong
        else "The check did **not** find the mistakes in this run."
    )


def _consequence(versions: list[Version]) -> str:
    right = _end(versions[0])
    start = float(np.mean(versions[0].losses[:SMOOTH]))
    parts = []
    for one in versions[1:]:
        end = _end(one)
        if end > 1.5 * right:
            words = f"ends at {end:.4f}, {end / right:.1f} times the loss of the right gradient"
        elif end < right / 1.5:
            words = f"ends **lower**, at {end:.4f}"
        else:
            words = f"gets as far, to {end:.4f}: the falling loss alone would not have shown it"
        parts.append(f"training with “{one.name}” {words}")
    return f"From {start:.4f} the right gradient comes to {right:.4f}; " + "; ".join(parts) + "."


def _questions(sines: Wave, story: Text, versions: list[Version]) -> list[Question]:
    taught = sines.error(sines.taught, *BLOCKS[-1])
    fed = sines.error(sines.generated, *BLOCKS[-1])
    last = versions[1]
    spared = [name.removesuffix("_l0") for name, error in last.errors.items() if error < WRONG]
    cold, hot = story.samples[0], story.samples[-1]
    return [
        Question(
            "Why is the error with feedback larger than one step ahead?",
            f"One step ahead the true value comes in each time, and the error stays at "
            f"{taught:.3f}; with feedback the network builds on its own errors, and has {fed:.3f}."
            if fed > taught
            else f"Here it is not: {fed:.3f} with feedback, {taught:.3f} one step ahead, where the "
            f"noise of {NOISE:g} on every true value comes in as well.",
            ("ahead", "distance"),
        ),
        Question(
            "What does the temperature change?",
            f"Which symbol is drawn, not what the network believes. From {cold.temperature:g} to "
            f"{hot.temperature:g} the share of real words goes from {percent(cold.known_words)} to "
            f"{percent(hot.known_words)}, that of repeated pieces from {percent(cold.repeated)} to "
            f"{percent(hot.repeated)}.",
            ("temperatures",),
        ),
        Question(
            "Why does the code with the last state everywhere not crash?",
            "Because every hidden state has the same shape. Only a comparison of numbers can find "
            f"it. What it gets right is the gradient of {' and '.join(spared) or 'no weight'}, and "
            f"the cosine of {last.cosine:.3f} to the true direction looks harmless.",
            ("check",),
        ),
        Question(
            "Is a falling loss a proof of a right gradient?",
            "No. " + _consequence(versions),
            ("training", "check"),
        ),
        Question(
            "Why is the wrong input gradient off by just a third?",
            "Twice $g$ beside $g$: the relative error is $|2g - g| / (|2g| + |g|) = 1/3$. "
            f"Measured: {max(versions[2].errors.values()):.4f}.",
            ("check",),
        ),
    ]
