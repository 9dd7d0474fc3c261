"""A classifier as a page that is alive. In: its network, encoder and classes. Out: one HTML file.

The page holds the network in JavaScript, reads what its reader types or pastes, step by step, and
says how probable each class is, what each step counted, and what the hidden state did. It works
offline, from a mail, and asks nothing of any server. Next: `Classifier.export_as`.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence
from typing import Any

from unrolled.errors import ArgumentError
from unrolled.exports.javascript import encoded, javascript
from unrolled.exports.network import network_of
from unrolled.networks.committee import Committee
from unrolled.tasks.classify.encoders import Encoder, SeriesEncoder
from unrolled.tasks.classify.live_parts import BODY, SCRIPT, STYLE
from unrolled.tasks.classify.model import Labeller
from unrolled.tasks.classify.onnx_graph import plain_members

EXAMPLE = "Type or paste a text here."


def live_page(committee: Committee, encoder: Encoder, classes: Sequence[Any], title: str) -> str:
    """The whole page."""
    model, *others = plain_members(committee)
    if others:
        raise ArgumentError(
            f"a page holds one network, and this classifier has {1 + len(others)}: train it with "
            f"members=1 (--members 1), or export it to onnx"
        )
    network = network_of(model.recurrent)
    module = re.sub(r"^export ", "", javascript(network), flags=re.MULTILINE)
    facts = _facts(model, encoder, [str(name) for name in classes], float(committee.blend[0]))
    told = ", ".join(str(name) for name in classes[:6]) + (", ..." if len(classes) > 6 else "")
    is_series = isinstance(encoder, SeriesEncoder)
    body = BODY % {
        "title": html.escape(title),
        "lead": html.escape(
            f"A recurrent network reads {'a series' if is_series else 'a text'} and says which of "
            f"{len(classes)} classes it belongs to: {told}."
        ),
        "label": "A line for each step, its numbers separated by commas" if is_series
        else "Your text",
        "example": html.escape(_example(encoder)),
        "equation": html.escape(network.equation.text),
    }  # fmt: skip
    # in a function of its own, so that nothing of it collides with names of the browser's
    known = f"const run = {json.dumps(facts, ensure_ascii=True)};"
    script = f"(() => {{\n{module}\n{known}\n{SCRIPT}}})();\n"
    # a page ends its script where it finds these letters, even within a string
    script = script.replace("</", "<\\/").replace("<!--", "<\\!--")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">\n"
        f"<title>{html.escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}"
        f'<script>\n"use strict";\n{script}</script>\n</body>\n</html>\n'
    )


def _example(encoder: Encoder) -> str:
    if not isinstance(encoder, SeriesEncoder):
        return EXAMPLE
    return "\n".join(", ".join(f"{mean:.3g}" for mean in encoder.mean) for _ in range(5))


def _facts(
    model: Labeller, encoder: Encoder, classes: list[str], sharpness: float
) -> dict[str, Any]:
    """What the page knows beside the recurrent layers."""
    found: dict[str, Any] = {"classes": classes, "pooling": model.pool.kind, "longest": 100_000}
    # calibrated: the scores are scaled as the classifier scales them
    V, c = (sharpness * _array(p) for p in (model.readout.weight, model.readout.bias))
    found |= encoded({"V": V, "c": c})
    if model.pool.kind == "attention":
        found |= encoded({"query": _array(model.pool.query)})
    if isinstance(encoder, SeriesEncoder):
        return found | {
            "kind": "series", "mean": encoder.mean.tolist(), "deviation": encoder.deviation.tolist()
        }  # fmt: skip
    if encoder.tokens.kind == "bpe":
        raise ArgumentError(
            "a page cannot cut texts by BPE: train the classifier with tokens='word' or 'char', or "
            "export it to onnx"
        )
    assert model.embed is not None
    found |= {"kind": encoder.tokens.kind, "table": encoder.tokens.table}
    found["longest"] = encoder.longest
    return found | encoded({"embedding": _array(model.embed.weight)})


def _array(tensor: Any) -> Any:
    return tensor.detach().cpu().numpy()
