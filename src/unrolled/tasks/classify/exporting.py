"""A whole classifier for another runtime. In: a fitted one, a format, a path. Out: its files.

Next: `unrolled.export`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from unrolled.errors import ArgumentError
from unrolled.exports.export import Exported
from unrolled.files import write_whole
from unrolled.report.blocks import Block, Live, Math, Page, Section
from unrolled.report.page import render
from unrolled.tasks.classify.encoders import SeriesEncoder
from unrolled.tasks.classify.live_facts import classifier_script, refuse_bpe, weights_of
from unrolled.tasks.classify.live_page import int8_error, live_part, made_up
from unrolled.tasks.live import MOST_BYTES
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


def alive(model: Any, examples: list[Any]) -> Live | str:
    """The part of its report that computes, or a sentence that says why there is none."""
    try:
        found, _ = live_part(model.model_, model.encoder_, model.classes_.tolist(), examples)
    except ArgumentError as error:
        return f"this page does not hold the network: {error}"
    if len(found.script) > MOST_BYTES:
        return (
            f"this page does not hold the network, which takes {len(found.script):,} bytes: "
            "unrolled export RUN --to html writes it as a page of its own"
        )
    return found


def _page(model: Any, path: Path, int8: bool) -> Exported:
    committee, classes = model.model_, model.classes_.tolist()
    live, moved = live_part(committee, model.encoder_, classes, int8=int8 or None)
    some = ", ".join(f"`{_plain(name)}`" for name in classes[:6]) + ", ..." * (len(classes) > 6)
    what = "a series" if isinstance(model.encoder_, SeriesEncoder) else "a text"
    lead = f"A recurrent network reads {what} and says which of {len(classes)} classes: {some}."
    latex: list[Block] = [Math(model.cell_.equation.latex, "cell", f"The cell {model.cell_.name}.")]
    page = Page(
        title=path.stem,
        lead=lead,
        sections=[Section("The equation of a step", latex)],
        live=replace(live, alone=True),
    )
    text = render(page)
    write_whole(path, text)
    notes = [f"{len(text.encode()):,} bytes; it needs no network and no server"]
    return Exported((path,), (*notes, *_rounding(moved)))


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
    text = (
        f"/** classify({takes}).chances are the probabilities of `classes`, in order. */\n"
        f"{script}\nexport const classes = run.classes;\nexport {{ classify }};\n"
    )
    write_whole(path, text)
    notes = [f"{len(text.encode()):,} bytes, {weights_of(model.model_):,} weights included"]
    if int8:
        moved = int8_error(model.model_, model.encoder_, made_up(model.encoder_))
        notes += _rounding(moved)
    return Exported((path,), tuple(notes))


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
