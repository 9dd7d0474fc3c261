"""A language model as a part of a page that computes. In: a fitted generator. Out: `Live`.

The page continues a prompt, token by token, at the temperature of a slider. Next: the run's report,
and `Generator.export_as`.
"""

from __future__ import annotations

import html
from typing import Any

import torch
from torch import nn

from unrolled.errors import ArgumentError
from unrolled.exports.javascript import layers_of
from unrolled.exports.network import network_of
from unrolled.report.blocks import Live
from unrolled.tasks.live import (
    LARGE,
    arrays_of,
    rounded,
    script_of,
    source,
    tokens_facts,
    weights_of,
)

MEASURED = 200  # tokens after which the error of int8 is measured

BODY = """
<p>Type how a text begins: the network inside this page writes on. Nothing that you type leaves
it.</p>
<label for="text">The beginning</label>
<textarea id="text" spellcheck="false">{example}</textarea>
<p id="wrong" class="wrong" role="alert"></p>
<div class="controls">
<label for="temperature">Temperature</label>
<input id="temperature" type="range" min="0" max="2" step="0.05" value="0.8">
<output id="degree" for="temperature"></output>
<label for="seed">Seed</label> <input id="seed" type="number" min="0" value="1" style="width: 6rem">
</div>
<div class="controls">
<button id="write" type="button">Write on</button>
<button id="one" type="button">One character</button>
<button id="hundred" type="button">100 characters</button>
<button id="again" type="button">Begin again</button>
<span id="count" role="status"></span>
</div>
<div id="written" class="written" aria-label="the text"></div>
<div class="columns">
<div><h3>What comes next</h3>
<p class="hint">The probability of the next character at this temperature: at 0 always the most
probable one, at 1 as the network learned it, above 1 more daring.</p>
<div id="next"></div></div>
<div><h3>Hidden state</h3>
<p class="hint">The top layer: a column for each step, a row for each unit; blue is positive, orange
negative.</p>
<canvas id="state" role="img" aria-label="hidden state, units by steps"></canvas></div>
</div>
<p class="hint">{precision}</p>
"""


def live_part(model: Any, start: str, int8: bool | None = None) -> tuple[Live, float | None]:
    """The part, and how far int8 moves a probability; `model` is a fitted `Generator`."""
    refuse_bpe(model)
    network = model.model_
    if int8 is None:
        int8 = weights_of(network) > LARGE
    moved = moved_by_int8(model, start) if int8 else None
    precision = "The weights are those of the run, in float32."
    if moved is not None:
        precision = (
            f"The weights are stored as int8, which moved a probability by at most {moved:.2g} "
            f"over {MEASURED} characters."
        )
    body = BODY.format(example=html.escape(start), precision=precision)
    script = generator_script(model, int8) + source("generate", "page.js")
    return Live("Try it", body, script), moved


def refuse_bpe(model: Any) -> None:
    if model.tokens_.kind == "bpe":
        raise ArgumentError(
            "a page cannot cut texts by BPE: train the generator with tokens='char' (--tokens char)"
        )


def generator_script(model: Any, int8: bool) -> str:
    """JavaScript with `generate(prompt, temperature, random)`."""
    refuse_bpe(model)
    network = model.model_
    tied = network.readout.weight is network.embed.weight
    arrays = {"embedding": network.embed.weight, "c": network.readout.bias}
    if not tied:
        arrays["V"] = network.readout.weight
    if isinstance(network.narrow, nn.Linear):
        arrays["narrow"] = network.narrow.weight
    facts = {
        "layers": layers_of(network_of(network.recurrent), int8),
        "arrays": arrays_of(arrays, int8),
        "embedding": network.embed.embedding_dim,
        "tied": tied,
        **tokens_facts(model.tokens_),
    }
    parts = [source("", "tokens.js"), source("generate", "generate.js")]
    return script_of(network_of(network.recurrent), facts, *parts)


@torch.no_grad()
def moved_by_int8(model: Any, start: str) -> float:
    """The most that int8 moves a probability along a text that the model writes itself."""
    text = start + model.generate_text(start, MEASURED, temperature=0.8)
    tokens = torch.from_numpy(model.tokens_.encode(text))[:, None]
    exact, other = (one(tokens)[0].softmax(-1) for one in (model.model_, rounded(model.model_)))
    return float((exact - other).abs().max())
