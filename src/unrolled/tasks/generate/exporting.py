"""A whole generator for another runtime. In: a fitted one, a format, a path. Out: its files.

Next: `unrolled.export`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from unrolled.errors import ArgumentError
from unrolled.exports.export import Exported
from unrolled.tasks.generate.live_page import generator_script, live_part, moved_by_int8
from unrolled.tasks.live import write_alone, write_module

EXAMPLE = "The "


def export_generator(model: Any, kind: str, path: Path, int8: bool) -> Exported:
    """`model` is a fitted `Generator`."""
    if kind == "html":
        live, moved = live_part(model, _beginning(model), int8 or None)
        lead = "A recurrent network continues a text, character by character."
        return write_alone(path, lead, model.cell_, live, _rounding(moved))
    if kind == "js":
        script = generator_script(model, int8)
        doc = "generate(prompt, temperature, randomFrom(seed)) yields { token, chances }."
        notes = _rounding(moved_by_int8(model, _beginning(model)) if int8 else None)
        return write_module(path, doc, script, "generate, randomFrom, readText, run", notes)
    raise ArgumentError(
        f"a whole generator is exported to html or js, not to {kind}; its recurrent layers can be: "
        f"unrolled.export(model.model_.recurrent, {str(path)!r})"
    )


def _beginning(model: Any) -> str:
    """A beginning whose characters the model knows."""
    return "".join(letter for letter in EXAMPLE if letter in model.tokens_.numbers)


def _rounding(moved: float | None) -> list[str]:
    return [] if moved is None else [f"int8 weights move a probability by at most {moved:.2g}"]
