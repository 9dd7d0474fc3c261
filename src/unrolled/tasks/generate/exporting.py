"""Exports a whole generator. In: a fitted one, a format, a path. Out: its files.

Next: `unrolled.export`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from unrolled.errors import ArgumentError
from unrolled.exports.c_code import c_files
from unrolled.exports.c_inputs import with_tokens
from unrolled.exports.export import NO_INT8, Exported, Options, c_name_of, write_c
from unrolled.exports.network import network_of
from unrolled.files import write_whole
from unrolled.tasks.generate.live_page import generator_script, live_part, moved_by_int8
from unrolled.tasks.generate.onnx_graph import generator_model
from unrolled.tasks.generate.readout import readout_of
from unrolled.tasks.live import array, write_alone, write_module
from unrolled.training.run_folder import json_text

EXAMPLE = "The "


def export_generator(model: Any, kind: str, path: Path, options: Options) -> Exported:
    """`model` is a fitted `Generator`."""
    int8 = options.int8
    if kind == "html":
        live, moved = live_part(model, _beginning(model), int8 or None)
        lead = "A recurrent network continues a text, character by character."
        return write_alone(path, lead, model.cell_, live, _rounding(moved))
    if kind == "onnx":
        return _graph(model, path, int8)
    notes = _rounding(moved_by_int8(model, _beginning(model)) if int8 else None)
    if kind == "js":
        script = generator_script(model, int8)
        doc = "generate(prompt, temperature, randomFrom(seed)) yields { token, chances }."
        return write_module(path, doc, script, "generate, randomFrom, readText, run", notes)
    return _in_c(model, path, options, notes)


def _in_c(model: Any, path: Path, options: Options, notes: list[str]) -> Exported:
    """Export a step from a token index to the scores of the next token."""
    network, name = model.model_, c_name_of(path)
    whole = replace(network_of(network.recurrent), readout=readout_of(network))
    files = c_files(whole, name, libm=options.libm, int8=options.int8)
    files = with_tokens(files, name, array(network.embed.weight), options.int8)
    exported = write_c(path, files, [*notes, "a token in, the scores of the next token out"])
    return Exported((*exported.files, _vocabulary(model, path)), exported.notes)


def _graph(model: Any, path: Path, int8: bool) -> Exported:
    if int8:
        raise ArgumentError(NO_INT8)
    write_whole(path, generator_model(model.model_).SerializeToString())
    said = "tokens and states in, the scores of each next token and the next states out"
    return Exported((path, _vocabulary(model, path)), (said,))


def _vocabulary(model: Any, path: Path) -> Path:
    """Write the tokens in the order of their indices to a file beside the export."""
    words = path.with_suffix(".vocabulary.json")
    write_whole(words, json_text(model.tokens_.as_dict()))
    return words


def _beginning(model: Any) -> str:
    """A prompt that consists of known characters."""
    return "".join(letter for letter in EXAMPLE if letter in model.tokens_.numbers)


def _rounding(moved: float | None) -> list[str]:
    return [] if moved is None else [f"int8 weights move a probability by at most {moved:.2g}"]
