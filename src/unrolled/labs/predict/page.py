"""The page of lab `predict`. In: the measurements. Out: lines, and the sections of a page."""

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
SMOOTH = 50  # updates averaged in a curve


def found(sines: Wave, story: Text, versions: list[Version]) -> list[str]:
    near, far = (sines.error(sines.generated, *BLOCKS[n]) for n in (0, -1))
    right = versions[0]
    return [
        f"the wave: error {near:.3f} over the next {BLOCKS[0][1]} values, {far:.3f} from "
        f"{BLOCKS[-1][0]} to {BLOCKS[-1][1]} steps ahead",
        f"the text: {story.bits_test:.2f} bits per character on the unseen tenth "
        f"(guessing: {story.guess:.2f})",
        f"the correct gradient: largest relative error {max(right.errors.values()):.1e}, loss "
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
        Section("Continue a wave", _wave(sines)),
        Section("Continue a text", _text(story)),
        Section("A mistake, and how to find it", _mistake(versions)),
        Section("Code to read", _code()),
        Section("Discussion", [Prose(_discussion(sines, story, versions))]),
        Section("Questions and answers", _questions(sines, story, versions)),
    ]


AIM = """
A network that predicts the next element can continue a sequence by itself: its output becomes its
next input. Do this with values (a wave) and with symbols (a text), and measure how the quality
changes with the distance. Then study a mistake in the backward pass that many published lab sheets
make: how well training works in spite of it, and the check that finds it.
"""


def _theory() -> list[Prose | Math]:
    return [
        Prose("In training the target at every step is the true next element:"),
        Math(r"y_{t} = V h_{t} + c \approx x_{t+1}", "target", "one step ahead"),
        Prose(
            "To generate, the output replaces the next input. Errors are then fed back as well, so "
            "they can grow; small ones may be corrected by a state that has learned the rhythm."
        ),
        Math(r"x_{t+1} \leftarrow y_{t}", "feedback", "each output is fed back"),
        Prose(
            "For symbols the output is a score for each, and one of them is sampled. The "
            r"*temperature* $\tau$ sets how random the choice is: near 0 it is always the most "
            "probable symbol, at 1 the probabilities of the network are used."
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
            f"The wave is the sum of two sines with periods of {slow:.2f} and {fast:.2f} steps, "
            f"plus noise of {NOISE:g}. {KNOWN} values are known, and the network is trained on "
            f"windows of {LENGTH} of them ({sines.history.stopped}). It then reads all {KNOWN} and "
            "continues by itself."
        ),
        _continued(sines),
        Table(
            "ahead",
            "root mean square error relative to the wave without noise, by steps ahead",
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
        alt="A wave of two periods; after step 0 the generated values and the true ones.",
        caption="Black: the known values. Dotted: the true continuation, without noise. Colored: "
        "generated values, each from the previous one.",
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
        alt="Two curves: the error with feedback, and the error with the true value as input.",
        caption="“One step ahead” gets the true value as input at every step.",
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
            f"The text has {number(story.characters)} characters, {len(model.alphabet)} of them "
            f"different. The network is trained on nine tenths for {len(bits)} epochs, in windows "
            f"of {text.LENGTH}; the states are passed from window to window."
        ),
        Figure(
            "bits",
            "Training on the text",
            curves(
                {"training": bits},
                x_label="epoch",
                y_label="bits per character",
                levels={"unseen text, at the end": story.bits_test, "guessing": story.guess},
            ),
            alt=f"Bits per character fall from {bits[0]:.2f} to {bits[-1]:.2f}.",
        ),
        Prose(f"The prompt is the beginning of the unseen text. After ▸ the network writes "
              f"{text.WRITTEN} characters:"),
        *samples,
        Table(
            "temperatures",
            "correctness and variety",
            ("temperature", "words that occur in the text", "repeated pieces of 8 characters"),
            [(f"{s.temperature:g}", percent(s.known_words), percent(s.repeated))
             for s in story.samples],
        ),
    ]  # fmt: skip


def _wrapped(written: str) -> str:
    """Wrap the lines so that a phone can show them; line breaks of the text are kept."""
    lines = [textwrap.wrap(line, WIDTH, drop_whitespace=False) for line in written.splitlines()]
    return "\n".join("\n".join(parts) for parts in lines)


def _mistake(versions: list[Version]) -> list[Prose | Table | Figure | Code]:
    names = list(versions[0].errors)
    series = {one.name: _mean_curve(one.losses) for one in versions}
    return [
        Prose(
            "This is the complete backpropagation through time for the simple network, with two "
            "switches for mistakes that occur in published lab sheets. The first uses the *last* "
            "hidden state at every step of the backward pass, although each step needs its own. "
            "The second counts the input twice. Both run, and give gradients of the right shapes."
        ),
        code_of(mistakes.bptt, "correct, unless a switch is set"),
        Prose(
            "The gradient check changes each weight a little and compares the slope of the loss "
            "with the computed gradient:"
        ),
        Table(
            "check",
            "relative error of the gradient of each weight, and the cosine between the whole "
            "gradient and the finite differences",
            ("", *(f"`{name.removesuffix('_l0')}`" for name in names), "cosine"),
            [
                (one.name, *(f"{one.errors[name]:.0e}" for name in names), f"{one.cosine:.3f}")
                for one in versions
            ],
        ),
        Prose(
            f"Now train with each version. The task requires memory: $y_{{t}} = x_{{t}} x_{{t-"
            f"{mistakes.DELAY}}}$. All versions start from the same weights and use the same data, "
            "with plain gradient descent."
        ),
        Figure(
            "training",
            "Training with correct and wrong gradients",
            curves(
                series,
                x_label=f"update (mean of {SMOOTH})",
                y_label="loss per step",
                log_y=True,
            ),
            alt="Loss over the updates for the correct gradient and three wrong ones; at the end: "
            + ", ".join(f"{one.name} {_end(one):.4f}" for one in versions),
        ),
    ]


def _mean_curve(losses: list[float]) -> tuple[np.ndarray, np.ndarray]:
    groups = len(losses) // SMOOTH
    means = np.array(losses[: groups * SMOOTH]).reshape(groups, SMOOTH).mean(axis=1)
    return SMOOTH * (np.arange(groups) + 1.0), means


def _code() -> list[Prose | Code]:
    return [
        Prose("Feeding outputs back takes a few lines:"),
        code_of(generate_values, "values: each output is the next input"),
        code_of(generate_symbols, "symbols: sampled, then fed back"),
        code_of(wave.windows, "how the wave is cut into training windows"),
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

**The text.** The network needs {story.bits_test:.2f} bits per character on unseen text, and
{story.bits_train:.2f} on the training text; guessing needs {story.guess:.2f} ([@bits]).
{_tempered(story)} ([@temperatures])

**The mistake.** {_caught(versions)} ([@check]) {_consequence(versions)} ([@training])
"""


def _tempered(story: Text) -> str:
    coldest, hottest = story.samples[0], story.samples[-1]
    words = (
        f"At a temperature of {coldest.temperature:g}, {percent(coldest.known_words)} of its words "
        f"occur in the text, and {percent(coldest.repeated)} of its pieces repeat earlier ones; at "
        f"{hottest.temperature:g} it is {percent(hottest.known_words)} and "
        f"{percent(hottest.repeated)}."
    )
    if coldest.repeated > hottest.repeated and coldest.known_words >= hottest.known_words:
        return words + " At low temperatures it is correct but repetitive; at high ones it invents."
    return f"{words} The usual trade of correctness for variety does **not** show in this run."


def _caught(versions: list[Version]) -> str:
    wrong = [one for one in versions[1:] if max(one.errors.values()) > WRONG]
    right = max(versions[0].errors.values())
    return (
        f"The correct gradient has a relative error of {right:.0e}; {len(wrong)} of the "
        f"{len(versions) - 1} wrong ones have an error of at least "
        f"{min(max(one.errors.values()) for one in wrong):.2f} in some weight."
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
            words = f"ends at {end:.4f}, {end / right:.1f} times the loss of the correct gradient"
        elif end < right / 1.5:
            words = f"ends **lower**, at {end:.4f}"
        else:
            words = f"does as well ({end:.4f}): the falling loss alone does not reveal the mistake"
        parts.append(f"training with “{one.name}” {words}")
    return (
        f"With the correct gradient the loss falls from {start:.4f} to {right:.4f}; "
        + "; ".join(parts)
        + "."
    )


def _questions(sines: Wave, story: Text, versions: list[Version]) -> list[Question]:
    taught = sines.error(sines.taught, *BLOCKS[-1])
    fed = sines.error(sines.generated, *BLOCKS[-1])
    last = versions[1]
    spared = [name.removesuffix("_l0") for name, error in last.errors.items() if error < WRONG]
    cold, hot = story.samples[0], story.samples[-1]
    return [
        Question(
            "Why is the error with feedback larger than one step ahead?",
            f"One step ahead, each input is the true value, and the error stays at {taught:.3f}. "
            f"With feedback the network builds on its own errors, and the error is {fed:.3f}."
            if fed > taught
            else f"Here it is not: it is {fed:.3f} with feedback, and {taught:.3f} one step ahead, "
            f"where every input has noise of {NOISE:g}.",
            ("ahead", "distance"),
        ),
        Question(
            "What does the temperature change?",
            f"Which symbol is sampled, not the scores of the network. From {cold.temperature:g} to "
            f"{hot.temperature:g} the share of words that occur in the text goes from "
            f"{percent(cold.known_words)} to {percent(hot.known_words)}, and that of repeated "
            f"pieces from {percent(cold.repeated)} to {percent(hot.repeated)}.",
            ("temperatures",),
        ),
        Question(
            "Why does the code that uses the last state everywhere not crash?",
            "Because all hidden states have the same shape. Only a comparison of numbers finds the "
            f"mistake. The gradient of {' and '.join(spared) or 'no weight'} is still correct, and "
            f"the cosine of {last.cosine:.3f} to the correct gradient looks harmless.",
            ("check",),
        ),
        Question(
            "Does a falling loss prove that the gradient is right?",
            "No. " + _consequence(versions),
            ("training", "check"),
        ),
        Question(
            "Why is the wrong input gradient off by just a third?",
            "It is $2g$ instead of $g$, so its relative error is $|2g - g| / (|2g| + |g|) = 1/3$. "
            f"Measured: {max(versions[2].errors.values()):.4f}.",
            ("check",),
        ),
    ]
