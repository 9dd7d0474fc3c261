"""A classifier or regressor that runs in a page. In: a fitted one. Out: `Live`.

The page processes the text or values that are entered, step by step, and shows the probability of
each class or label, or the number with its interval, the contribution of each step, and the hidden
state. Like the run, it combines all networks and the linear model. Next: the run's report, and
`exporting`.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from unrolled.networks.committee import Committee
from unrolled.report.blocks import Live
from unrolled.tasks.classify.beside import scores_beside
from unrolled.tasks.classify.encoders import Encoder, SeriesEncoder, without_clips
from unrolled.tasks.classify.job import TargetedSequences
from unrolled.tasks.classify.live_facts import reader_script
from unrolled.tasks.classify.opinions import chances
from unrolled.tasks.live import LARGE, rounded, source, weights_of

MEASURED = 100  # examples for measuring the error of int8
EXAMPLE = "Type or paste a text here."
LONGEST_EXAMPLE = 600  # characters
MADE_UP_STEPS = 60

TEXT_BODY = """
<p>Type or paste a text: the network inside this page reads it. Nothing that you type leaves it.</p>
<label for="text">Your text</label>
<textarea id="text" spellcheck="false">{example}</textarea>
"""

SERIES_BODY = """
<p>Move the points of the series with the mouse, a finger or the arrow keys, or paste other numbers
below: the network inside this page reads them.</p>
<svg id="series" role="application" tabindex="0" aria-label="the series; left and right choose a
step, up and down move its value" data-ratio="0.36"></svg>
<div class="controls">
<label for="channel">Channel</label> <select id="channel"></select>
<label for="point">Step</label> <input id="point" type="number" min="1" value="1">
<label for="value">Value</label> <input id="value" type="number" step="any">
</div>
<details><summary>The numbers</summary>
<label for="text">A line for each step, its channels separated by commas</label>
<textarea id="text" spellcheck="false">{example}</textarea>
</details>
"""

READ_BODY = """
<div class="controls" role="group" aria-label="How far the network has read">
<button id="play" type="button"></button>
<input id="step" type="range" min="1" value="1" aria-label="steps read">
<span id="read" role="status"></span>
</div>
<div class="columns">
<div><h3>{answer}</h3><div id="classes" aria-live="polite"></div></div>
<div><h3>Contribution of each step</h3>
<p class="hint">{counted} with respect to the step's input, times that input.{unknown}</p>
<div id="tokens" class="tokens"></div>
<div id="ngrams-part" hidden><p class="hint">The n-grams with most weight in the linear model:</p>
<div id="ngrams" class="tokens ngrams"></div></div></div>
</div>
<h3>Hidden state</h3>
<p class="hint">The top layer{first}: a column for each step, a row for each unit; blue is positive,
orange negative.</p>
<canvas id="state" role="img" aria-label="hidden state, units by steps"></canvas>
<p class="hint">{precision}</p>
"""


ANSWERS = {
    "class": "Probability of each class", "labels": "Probability of each label", "number": "{name}"
}  # fmt: skip
COUNTED = {
    "class": "For (blue) and against (orange) the most probable class: the derivative of its score",
    "labels": "For (blue) and against (orange) the most probable label: the derivative of its "
    "score",
    "number": "What makes the number larger (blue) or smaller (orange): its derivative",
}


class Moved(NamedTuple):
    """The largest change due to int8: of a number, or of a probability and its logarithm."""

    answer: float
    logarithm: float | None

    def __str__(self) -> str:
        if self.logarithm is None:
            return f"a number by at most {self.answer:.2g}"
        return (
            f"a probability by at most {self.answer:.2g}, its logarithm by at most "
            f"{self.logarithm:.2g}"
        )


def live_part(
    model: Any, examples: Sequence[Any] = (), int8: bool | None = None
) -> tuple[Live, Moved | None]:
    """The live part, and the largest change due to int8 (None if weights are exact); `model` is a
    fitted `Reader`.

    `int8` None: only for many weights. Without examples it is measured on random sequences.
    """
    committee, encoder = model.model_, without_clips(model.encoder_)
    aim = committee.aim.name
    is_series = isinstance(encoder, SeriesEncoder)
    if int8 is None:
        int8 = weights_of(committee) > LARGE
    moved = None
    precision = "The weights are those of the run, in float32."
    if int8:
        moved = int8_error(committee, encoder, examples or made_up(encoder))
        measured = f"{min(len(examples), MEASURED)} examples" if examples else "random sequences"
        precision = f"The weights are stored as int8, which moved {moved}, on {measured}."
    count = len(committee.members)
    body = (SERIES_BODY if is_series else TEXT_BODY).format(
        example=html.escape(_example(encoder, examples))
    )
    body += READ_BODY.format(
        answer=html.escape(ANSWERS[aim].format(name=model.names[0])),
        counted=COUNTED[aim],
        unknown="" if is_series else " Dotted: not in the vocabulary.",
        first=f" of the first of the {count} networks" if count > 1 else "",
        precision=precision,
    )
    script = reader_script(model, int8)
    return Live("Try it", body, f"{script}\n{source('classify', 'page.js')}"), moved


def int8_error(committee: Committee, encoder: Encoder, inputs: Sequence[Any]) -> Moved:
    """The largest change due to int8, measured on some of these inputs."""
    some = list(inputs[:MEASURED])
    sequences = encoder.encode(some, lambda note: None)
    said = []
    for model in (committee, rounded(committee)):
        data = TargetedSequences(sequences, None)
        scores = scores_beside(model, encoder, some, sequences)
        said.append(chances(model, replace(data, linear=scores)))
    if committee.aim.name == "number":
        return Moved(float(np.abs(said[0] - said[1]).max()), None)
    exact, other = (np.maximum(one, np.finfo(float).tiny) for one in said)
    logarithm = np.abs(np.log(exact) - np.log(other)).max()
    return Moved(float(np.abs(exact - other).max()), float(logarithm))


def made_up(encoder: Encoder) -> list[Any]:
    """Sequences for measurements without data: random tokens, or random walks."""
    random = np.random.default_rng(0)
    if isinstance(encoder, SeriesEncoder):
        shape = (MADE_UP_STEPS, encoder.inputs)
        walks = [random.normal(size=shape).cumsum(0) / 4 for _ in range(MEASURED // 4)]
        return [encoder.mean + encoder.deviation * walk for walk in walks]
    numbers = random.integers(min(2, len(encoder.tokens) - 1), len(encoder.tokens), (MEASURED, 30))
    return [encoder.tokens.decode(row) for row in numbers]


def _example(encoder: Encoder, examples: Sequence[Any]) -> str:
    if not isinstance(encoder, SeriesEncoder):
        return examples[0][:LONGEST_EXAMPLE] if examples else EXAMPLE
    one = examples[0] if examples else made_up(encoder)[0]
    return "\n".join(", ".join(f"{value:.5g}" for value in row) for row in np.asarray(one))
