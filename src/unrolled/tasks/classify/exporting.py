"""Exports a whole classifier or regressor. In: a fitted one, a format, a path.

Out: its files.

Next: `unrolled.export`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from unrolled.errors import ArgumentError
from unrolled.exports.c_code import c_files
from unrolled.exports.c_inputs import with_scale, with_tokens
from unrolled.exports.export import NO_INT8, Exported, Options, c_name_of, write_c
from unrolled.exports.network import network_of
from unrolled.files import write_whole
from unrolled.networks.aims import Number
from unrolled.tasks.classify.encoders import SeriesEncoder, without_clips
from unrolled.tasks.classify.live_facts import reader_script, refuse_bpe
from unrolled.tasks.classify.live_page import Moved, int8_error, live_part, made_up
from unrolled.tasks.classify.ngrams import LinearTexts
from unrolled.tasks.live import array, write_alone, write_module
from unrolled.training.run_folder import json_text

CLASSIFY, REGRESS = "classify", "regress"  # the names of a module's function
SCORES = {
    "class": "after the last step the outputs are scores; their softmax gives the probabilities",
    "labels": "after the last step the outputs are scores; their sigmoids are the probabilities",
    "number": "after the last step the output is the number",
}


def export_reader(model: Any, kind: str, path: Path, options: Options) -> Exported:
    """`model` is a fitted `Reader`."""
    without_clips(model.encoder_)
    if kind == "c":
        return _in_c(model, path, options)
    return {"html": _page, "js": _module, "onnx": _graph}[kind](model, path, options.int8)


def _in_c(model: Any, path: Path, options: Options) -> Exported:
    """Export one forward network: after the last step its outputs are the scores."""
    _refuse_in_c(model, path)
    (network,), name = model.model_.members, c_name_of(path)
    blend = float(model.model_.blend[0])
    V, c = (blend * array(tensor) for tensor in (network.readout.weight, network.readout.bias))
    aim = model.model_.aim
    if isinstance(aim, Number):
        V, c = aim.unit * V, aim.center + aim.unit * c
    whole = replace(network_of(network.recurrent), readout=(V, c))
    files = c_files(whole, name, libm=options.libm, int8=options.int8)
    encoder = model.encoder_
    if isinstance(encoder, SeriesEncoder):
        files = with_scale(files, name, encoder.mean, encoder.deviation)
    else:
        files = with_tokens(files, name, array(network.embed.weight), options.int8)
    moved = int8_error(model.model_, encoder, made_up(encoder)) if options.int8 else None
    exported = write_c(path, files, [*_rounding(moved), SCORES[aim.name]])
    words = path.with_suffix(".vocabulary.json")
    write_whole(words, json_text(model._vocabulary()))
    return Exported((*exported.files, words), exported.notes)


def _refuse_in_c(model: Any, path: Path) -> None:
    """Refuse what cannot be computed one step at a time; the error names the options needed."""
    committee = model.model_
    found = {
        "--members 1": len(committee.members) > 1,
        "--no-linear": committee.linear is not None,
        "--no-convolutions": any(member.front is not None for member in committee.members),
        "--no-bidirectional": committee.members[0].recurrent.directions == 2,
        "--pooling last": committee.members[0].pool.kind != "last",
    }
    needed = [option for option, is_there in found.items() if is_there]
    if needed:
        raise ArgumentError(
            "C computes one time step at a time, so it requires a single network that reads "
            f"forward: train it with {' '.join(needed)}, or export it to html, js or onnx; "
            "its recurrent layers can be exported: "
            f"unrolled.export(model.model_.members[0].recurrent, {str(path)!r})"
        )


def _page(model: Any, path: Path, int8: bool) -> Exported:
    live, moved = live_part(model, int8=int8 or None)
    return write_alone(path, _lead(model), model.cell_, live, _rounding(moved))


def _lead(model: Any) -> str:
    what = "a series" if isinstance(model.encoder_, SeriesEncoder) else "a text"
    names, aim = model.names, model.model_.aim.name
    some = ", ".join(f"`{_plain(name)}`" for name in names[:6]) + ", ..." * (len(names) > 6)
    if aim == "number":
        return f"A recurrent network reads {what} and predicts a number: {some}."
    if aim == "labels":
        return f"A recurrent network reads {what} and predicts any of {len(names)} labels: {some}."
    return f"A recurrent network reads {what} and predicts one of {len(names)} classes: {some}."


def _plain(name: Any) -> str:
    return " ".join(str(name).replace("`", "'").split())[:40]


def _rounding(moved: Moved | None) -> list[str]:
    if moved is None:
        return []
    return [f"int8 weights move {moved}, on random sequences"]


def _module(model: Any, path: Path, int8: bool) -> Exported:
    refuse_bpe(model.encoder_)
    script = reader_script(model, int8)
    takes = "series[t][channel]" if isinstance(model.encoder_, SeriesEncoder) else "text"
    doc, name = (
        f"classify({takes}).chances are the probabilities of run.classes, in order.",
        CLASSIFY,
    )
    if model.model_.aim.name == "number":
        doc, name = f"regress({takes}) is {{ value, low, high }}; see run.level.", REGRESS
    moved = None
    if int8:
        moved = int8_error(model.model_, model.encoder_, made_up(model.encoder_))
    return write_module(path, doc, script, f"{name}, run", _rounding(moved))


def _graph(model: Any, path: Path, int8: bool) -> Exported:
    if int8:
        raise ArgumentError(NO_INT8)
    from unrolled.tasks.classify.onnx_graph import reader_model

    data = reader_model(model.model_, model.encoder_, model.level).SerializeToString()
    words = path.with_suffix(".vocabulary.json")
    linear = model.model_.linear
    has_ngrams = isinstance(linear, LinearTexts)
    kept = {"rarity": array(linear.rarity).tolist()} if has_ngrams else {}
    write_whole(words, json_text({**model._vocabulary(), **kept}))
    write_whole(path, data)
    kinds = "token numbers" if model.encoder_.is_text else "values"
    kinds += ", n-grams with their shares," if has_ngrams else ""
    given = "numbers" if model.model_.aim.name == "number" else "probabilities"
    return Exported((path, words), (f"it takes {kinds} and lengths, and gives {given}",))
