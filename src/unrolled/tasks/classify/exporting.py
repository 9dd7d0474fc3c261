"""A whole classifier for another runtime. In: a fitted one, a format, a path. Out: its files.

Next: `unrolled.export`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from unrolled.errors import ArgumentError
from unrolled.exports.export import Exported
from unrolled.files import write_whole
from unrolled.tasks.classify.encoders import SeriesEncoder
from unrolled.tasks.classify.live_facts import classifier_script, refuse_bpe
from unrolled.tasks.classify.live_page import int8_error, live_part, made_up
from unrolled.tasks.live import write_alone, write_module
from unrolled.training.run_folder import json_text


def export_classifier(model: Any, kind: str, path: Path, int8: bool) -> Exported:
    """`model` is a fitted `Classifier`."""
    if kind == "html":
        return _page(model, path, int8)
    if kind == "js":
        return _module(model, path, int8)
    if kind == "onnx":
        return _graph(model, path, int8)
    raise ArgumentError(
        f"a whole classifier is exported to html, js or onnx, not to {kind}; its recurrent "
        f"layers can be: unrolled.export(model.model_.members[0].recurrent, {str(path)!r})"
    )


def _page(model: Any, path: Path, int8: bool) -> Exported:
    classes = model.classes_.tolist()
    live, moved = live_part(model.model_, model.encoder_, classes, int8=int8 or None)
    some = ", ".join(f"`{_plain(name)}`" for name in classes[:6]) + ", ..." * (len(classes) > 6)
    what = "a series" if isinstance(model.encoder_, SeriesEncoder) else "a text"
    lead = f"A recurrent network reads {what} and says which of {len(classes)} classes: {some}."
    return write_alone(path, lead, model.cell_, live, _rounding(moved))


def _plain(name: Any) -> str:
    return " ".join(str(name).replace("`", "'").split())[:40]


def _rounding(moved: float | None) -> list[str]:
    if moved is None:
        return []
    return [f"int8 weights move a probability by at most {moved:.2g} on made-up sequences"]


def _module(model: Any, path: Path, int8: bool) -> Exported:
    refuse_bpe(model.encoder_)
    script = classifier_script(model.model_, model.encoder_, model.classes_.tolist(), int8)
    takes = "series[t][channel]" if isinstance(model.encoder_, SeriesEncoder) else "text"
    doc = f"classify({takes}).chances are the probabilities of run.classes, in order."
    moved = None
    if int8:
        moved = int8_error(model.model_, model.encoder_, made_up(model.encoder_))
    return write_module(path, doc, script, "classify, run", _rounding(moved))


def _graph(model: Any, path: Path, int8: bool) -> Exported:
    if int8:
        raise ArgumentError("int8 is for c, js and html: an onnx graph holds float32 weights")
    from unrolled.tasks.classify.onnx_graph import classifier_model

    data = classifier_model(model.model_, model.encoder_).SerializeToString()
    words = path.with_suffix(".vocabulary.json")
    write_whole(words, json_text(model._vocabulary()))
    write_whole(path, data)
    kinds = "token numbers" if model.encoder_.is_text else "values"
    return Exported((path, words), (f"it takes {kinds} and lengths, and gives probabilities",))
