"""A tagger that runs in a page. In: a fitted tagger. Out: `Live`.

The page tags the entered text, sentence by sentence, and shows the probability of each tag. Next:
the run's report, and `Tagger.export_as`.
"""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

from unrolled.errors import ArgumentError
from unrolled.exports.export import NO_INT8, Exported, Options
from unrolled.exports.javascript import layers_of
from unrolled.exports.network import network_of
from unrolled.files import write_whole
from unrolled.report.blocks import Live
from unrolled.tasks.live import (
    LARGE,
    array,
    arrays_of,
    rounded,
    script_of,
    source,
    weights_of,
    write_alone,
    write_module,
)
from unrolled.training.run_folder import json_text

EXAMPLE = "Type or paste a text here."

BODY = """
<p>Type or paste a text: the network inside this page tags it. Nothing that you type leaves it.</p>
<label for="text">Your text</label>
<textarea id="text" spellcheck="false">{example}</textarea>
<h3>The tags</h3>
<div id="tagged" class="tokens" aria-live="polite"></div>
<details><summary>Word by word, with the probability of each tag</summary>
<div class="wide-one" tabindex="0" role="group"><table><thead><tr><th scope="col">word</th>
<th scope="col">tag</th><th scope="col" class="number">probability</th></tr></thead>
<tbody id="rows"></tbody></table></div></details>
<h3>Hidden state</h3>
<p class="hint">The top layer: a column for each word, a row for each unit; blue is positive, orange
negative.</p>
<canvas id="state" role="img" aria-label="hidden state, units by words"></canvas>
<p class="hint">{precision}</p>
"""


def live_part(
    model: Any, examples: list[list[str]], int8: bool | None = None
) -> tuple[Live, str | None]:
    """The live part, and a description of the effect of int8; `model` is a fitted `Tagger`."""
    if int8 is None:
        int8 = weights_of(model.model_) > LARGE
    script = tagger_script(model, int8) + source("tag", "page.js")
    moved = _moved(model, examples) if int8 else None
    precision = "The weights are those of the run, in float32."
    if moved is not None:
        precision = f"The weights are stored as int8, which {moved}."
    text = " ".join(examples[0]) if examples else EXAMPLE
    body = BODY.format(example=html.escape(text), precision=precision)
    return Live("Try it", body, script), moved


def tagger_script(model: Any, int8: bool) -> str:
    """JavaScript with `sentencesIn(text)` and `tagWords(words)`."""
    run = getattr(model, "run_", None)
    if run is not None and run.config().get("data", {}).get("restore"):
        raise ArgumentError("a page tags words, and this run restores text: use unrolled predict")
    network, letters = model.model_, model.model_.characters
    whole = network_of(network.recurrent)
    arrays = {
        "embedding": network.embed.weight, "V": network.readout.weight, "c": network.readout.bias
    }  # fmt: skip
    first, after, last = (array(one) for one in network.crf._transitions())
    facts: dict[str, Any] = {
        "tags": list(model.tags_), "words": model.words_.words, "letters": model.words_.letters,
        "wordSize": network.embed.embedding_dim, "letterSize": 0,
        "first": first.tolist(), "after": after.tolist(), "last": last.tolist(),
        "layers": layers_of(whole, int8),
    }  # fmt: skip
    if letters is not None:
        facts["letterSize"] = letters.embed.embedding_dim
        arrays["letters"] = letters.embed.weight
        if letters.recurrent is not None:
            facts["letterLayers"] = layers_of(network_of(letters.recurrent), int8)
        else:
            arrays |= {"convolution": letters.convolution.weight,
                       "convolution_bias": letters.convolution.bias}  # fmt: skip
    facts["arrays"] = arrays_of(arrays, int8)
    return script_of(whole, facts, source("tag", "tagger.js"))


def _moved(model: Any, examples: list[list[str]]) -> str:
    """A description of how many tags of the examples change with int8 weights."""
    some = examples[:100] or [[word] for word in model.words_.words[2:102]] or [["a"]]
    whole = model.model_
    exact = model.predict(some)
    try:
        model.model_ = rounded(whole)
        other = model.predict(some)
    finally:
        model.model_ = whole
    pairs = [pair for a, b in zip(exact, other) for pair in zip(a, b)]
    changed = sum(a != b for a, b in pairs)
    what = "words of examples" if examples else "single words of the vocabulary"
    return f"changed {changed} of {len(pairs)} tags, on {what}"


def export_tagger(model: Any, kind: str, path: Path, options: Options) -> Exported:
    """Export the whole tagger as a page, a module or a graph."""
    if kind == "html":
        live, moved = live_part(model, [], options.int8 or None)
        lead = f"A recurrent network gives each word one of {len(model.tags_)} tags."
        return write_alone(path, lead, model.cell_, live, [f"int8 {moved}"] if moved else [])
    if kind == "js":
        script = tagger_script(model, options.int8)
        notes = [f"int8 {_moved(model, [])}"] if options.int8 else []
        doc = "sentencesIn(text) are words with places; tagWords(words).tags are their tags."
        return write_module(path, doc, script, "sentencesIn, tagWords, run", notes)
    if kind == "onnx":
        return _graph(model, path, options.int8)
    raise ArgumentError(
        "C computes one step at a time, and a tagger needs whole sentences: export it to html, js "
        "or onnx; its recurrent layers can be exported if they read forward: "
        f"unrolled.export(model.model_.recurrent, {str(path)!r})"
    )


def _graph(model: Any, path: Path, int8: bool) -> Exported:
    if int8:
        raise ArgumentError(NO_INT8)
    from unrolled.tasks.tag.onnx_graph import tagger_model

    words = path.with_suffix(".vocabulary.json")
    write_whole(words, json_text(model._vocabulary()))
    write_whole(path, tagger_model(model.model_).SerializeToString())
    said = "numbers of words and letters in, the best tags and the probability of each out"
    return Exported((path, words), (said,))
