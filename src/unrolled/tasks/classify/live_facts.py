"""A classifier or regressor as plain data for `committee.js`. In: a fitted one.

Out: a dictionary for JSON; next: `live_page`, and the JavaScript module.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from unrolled.errors import ArgumentError
from unrolled.exports.javascript import layers_of, packed
from unrolled.exports.network import Network, network_of
from unrolled.networks.aims import Number
from unrolled.networks.committee import Committee
from unrolled.networks.linear_series import LinearSeries
from unrolled.tasks.classify.encoders import (
    Encoder,
    SeriesEncoder,
    TextEncoder,
    without_clips,
)
from unrolled.tasks.classify.model import Labeller
from unrolled.tasks.classify.ngrams import LinearTexts
from unrolled.tasks.live import array, arrays_of, script_of, source, tokens_facts


def reader_script(model: Any, int8: bool) -> str:
    """JavaScript with `classify(input)` or `regress(input)`; `model` is a fitted `Reader`."""
    committee, encoder = model.model_, without_clips(model.encoder_)
    facts, network = facts_of(committee, encoder, model.names, model.level, int8)
    parts = [source("classify", "series.js")]
    if isinstance(encoder, TextEncoder):
        parts = [source("", "tokens.js")]
        if committee.linear is not None:
            parts.append(source("classify", "ngrams.js"))
    return script_of(network, facts, *parts, source("classify", "committee.js"))


def facts_of(
    committee: Committee, encoder: Encoder, names: list[str], level: float | None, int8: bool
) -> tuple[dict[str, Any], Network]:
    """The data that the script calls `run`, and the network whose equation it computes."""
    members = [one for one in committee.members if isinstance(one, Labeller)]
    networks = [network_of(member.recurrent) for member in members]
    found: dict[str, Any] = {
        "classes": names,
        **_aim(committee, level),
        "pooling": members[0].pool.kind,
        "blend": array(committee.blend.double()).tolist(),
        "members": [
            {"layers": layers_of(network, int8), "stride": member.front.stride if member.front
             else 0, "arrays": _arrays(member, int8)}
            for member, network in zip(members, networks)
        ],
        "linear": _linear(committee.linear, int8),
    }  # fmt: skip
    if isinstance(encoder, SeriesEncoder):
        found |= {
            "kind": "series", "mean": encoder.mean.tolist(), "deviation": encoder.deviation.tolist()
        }  # fmt: skip
        return found, networks[0]
    refuse_bpe(encoder)
    assert members[0].embed is not None
    found |= {"longest": encoder.longest, "embedding": members[0].embed.embedding_dim}
    return found | tokens_facts(encoder.tokens), networks[0]


def _aim(committee: Committee, level: float | None) -> dict[str, Any]:
    """The kind of target, as in `aims`."""
    aim = committee.aim
    if not isinstance(aim, Number):
        return {"aim": aim.name}
    range_ = None if level is None else committee.error_range(level)
    return {"aim": aim.name, "center": aim.center, "unit": aim.unit, "level": level,
            "errors": range_, "logScales": committee.log_scales.tolist()}  # fmt: skip


def refuse_bpe(encoder: Encoder) -> None:
    if isinstance(encoder, TextEncoder) and encoder.tokens.kind == "bpe":
        raise ArgumentError(
            "a page cannot tokenize by BPE: train with tokens='word' or 'char' (--tokens word), "
            "or export the run to onnx"
        )


def _arrays(member: Labeller, int8: bool) -> dict[str, object]:
    """All weights of a network except its recurrent layers."""
    found: dict[str, Any] = {"V": member.readout.weight, "c": member.readout.bias}
    if member.pool.kind == "attention":
        found["query"] = member.pool.query
    if "spread" in dict(member.named_buffers(recurse=False)):
        found["spread"] = member.spread
    if member.embed is not None:
        found["embedding"] = member.embed.weight
    if member.front is not None:
        for name, layer, norm in zip(
            ("first", "second"), (member.front.first, member.front.second), member.front.norms
        ):
            assert layer.bias is not None
            found |= {name: layer.weight, f"{name}_bias": layer.bias,
                      f"{name}_scale": norm.weight, f"{name}_shift": norm.bias}  # fmt: skip
    return arrays_of(found, int8)


def _linear(model: Any, int8: bool) -> dict[str, Any] | None:
    """The linear model beside the networks."""
    if model is None:
        return None
    arrays = arrays_of({"weight": model.weight}, int8) | arrays_of({"bias": model.bias}, False)
    if isinstance(model, LinearSeries):
        convolutions = model.convolutions
        mixing = array(convolutions.mixing).astype(np.uint8)
        return {
            "kind": "convolutions",
            "dilations": list(convolutions.plan.dilations),
            "thresholds": list(convolutions.plan.thresholds),
            "mixing": None if mixing.all() else packed(np.packbits(mixing), "u1"),
            "arrays": arrays | arrays_of({"thresholds": convolutions.thresholds}, False),
        }
    assert isinstance(model, LinearTexts)
    values, places = np.unique(array(model.rarity), return_inverse=True)
    return {
        "kind": "n-grams",
        "words": folded(model.ngrams.words),
        "characters": folded(model.ngrams.characters),
        "rarities": packed(values, "<f4"),
        "rarity": packed(places, "<u4"),
        "arrays": arrays,
    }


DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def folded(terms: Sequence[str]) -> str:
    """Terms as lines with prefix compression: the number of UTF-16 characters shared with the line
    before, then the rest.

    A term contains no line feed.
    """
    lines, last = [], ""
    for term in terms:
        same, units = 0, 0
        for one, other in zip(term, last):
            width = 1 + (ord(one) > 0xFFFF)
            if one != other or units + width >= len(DIGITS):
                break
            same, units = same + 1, units + width
        lines.append(f"{DIGITS[units]}{term[same:]}")
        last = term
    return "\n".join(lines)
