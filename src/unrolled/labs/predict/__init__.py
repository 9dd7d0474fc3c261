"""Lab `predict`: predict the next element, feed it back, and find a mistake by a gradient check.

In: a seed, sizes, optionally a text. Out: an account. `wave`, `text` and `mistakes` measure, `page`
presents the results.
"""

from __future__ import annotations

from unrolled.labs.base import Account, Lab, Size, TextFile
from unrolled.labs.predict.exercises import EXERCISES
from unrolled.labs.predict.mistakes import VERSIONS, compare
from unrolled.labs.predict.page import found, sections
from unrolled.labs.predict.text import learn_and_write
from unrolled.labs.predict.wave import learn_wave
from unrolled.labs.progress import Progress

UPDATES = 1500  # with each version of the gradient
WAVE_EPOCHS = 60


def run(seed: int, progress: Progress, hidden: int, epochs: int, text: str | None) -> Account:
    progress.plan({"a wave": 8, "a text": 6 * epochs, "a mistake": 5})
    with progress.stage("a wave", WAVE_EPOCHS + 1) as done:
        wave = learn_wave(seed, hidden // 3 or 1, WAVE_EPOCHS, done)
    with progress.stage("a text", epochs + 1) as done:
        story = learn_and_write(text, seed, hidden, epochs, done)
    with progress.stage("a mistake", len(VERSIONS)) as done:
        versions = compare(seed, UPDATES, done)
    return Account(
        found(wave, story, versions),
        sections(wave, story, versions),
        lead="Continue a wave and a text by feeding each output back, and catch a wrong gradient.",
    )


LAB = Lab(
    name="predict",
    title="Prediction and generation",
    summary="predict, feed each output back, and catch a common mistake in the backward pass",
    run=run,
    exercises=EXERCISES,
    sizes=(
        Size("hidden", 96, "units of the text network (a third of them for the wave)", most=512),
        Size("epochs", 12, "epochs on the text", most=200),
    ),
    texts=(TextFile("text", "the text to train on", least=2000),),
)
