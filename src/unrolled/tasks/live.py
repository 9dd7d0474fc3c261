"""Shared parts of live pages. In: data, networks, scripts. Out: one script; next: each task's page.

The scripts are `.js` files beside the modules that use them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from unrolled.cells.choosing import ChosenCell
from unrolled.errors import ArgumentError
from unrolled.exports.export import Exported
from unrolled.exports.int8 import in_int8
from unrolled.exports.javascript import encoded, recurrent_function
from unrolled.exports.network import Network
from unrolled.files import write_whole
from unrolled.report.blocks import Block, Live, Math, Page, Section
from unrolled.report.page import render
from unrolled.tasks.tokens import Tokens

Model = TypeVar("Model", bound=nn.Module)
LARGE = 300_000  # weights: larger networks are stored as int8 in a page
MOST_BYTES = 16_000_000  # of a script within a report: more is too large to mail


def script_of(network: Network, run: Mapping[str, Any], *sources: str) -> str:
    """The recurrent layers, the data that the page calls `run`, and the scripts that use it."""
    known = f"const run = {json.dumps(run, ensure_ascii=True)};\n"
    return "\n".join([recurrent_function(network.equation), known, *sources])


def source(package: str, name: str) -> str:
    """The source of a script of a task."""
    return (
        resources.files(f"unrolled.tasks.{package}".rstrip(".")).joinpath(name).read_text("utf-8")
    )


def array(tensor: Any) -> Any:
    """A tensor as an array."""
    return tensor.detach().cpu().numpy()


def flat_rows(tensor: Any) -> Any:
    """A tensor as a matrix, so that int8 has one scale for each row."""
    found = array(tensor)
    return found.reshape(len(found), -1) if found.ndim > 2 else found


def arrays_of(tensors: Mapping[str, Any], int8: bool) -> dict[str, object]:
    """Tensors by name, as scripts read them."""
    return encoded({name: flat_rows(tensor) for name, tensor in tensors.items()}, int8)


def tokens_facts(tokens: Tokens) -> dict[str, Any]:
    """The part of `run` that `tokens.js` needs."""
    return {"kind": tokens.kind, "table": tokens.table}


EXACT = ("thresholds", "mixing", "rarity", "blend", "after")  # arrays that are never rounded


def weights_of(model: nn.Module) -> int:
    """The number of weights in a page."""
    return sum(tensor.numel() for tensor in model.state_dict().values())


def rounded(model: Model) -> Model:
    """The model with every matrix rounded to int8."""
    found = deepcopy(model)
    with torch.no_grad():
        for name, tensor in found.state_dict().items():
            if tensor.dim() > 1 and name.rpartition(".")[2] not in EXACT:
                whole = in_int8(flat_rows(tensor)).reshape(tuple(tensor.shape))
                tensor.copy_(torch.from_numpy(whole))
    return found


def alive(make: Callable[[], tuple[Live, object]]) -> Live | str:
    """The live part of a report, or a sentence that says why there is none."""
    try:
        found, _ = make()
    except ArgumentError as error:
        return f"this page does not contain the network: {error}"
    if len(found.script) > MOST_BYTES:
        return (
            f"this page does not contain the network, which takes {len(found.script):,} bytes: "
            "unrolled export RUN --to html writes it as a separate page"
        )
    return found


def with_reason(notes: Iterable[str], live: Live | str) -> list[str]:
    """The notes of a report, and the reason if it has no live part."""
    return [*notes, live] if isinstance(live, str) else [*notes]


def write_alone(path: Path, lead: str, cell: ChosenCell, live: Live, notes: list[str]) -> Exported:
    """Write the live part as a separate page."""
    latex: list[Block] = [Math(cell.equation.latex, "cell", f"The cell {cell.name}.")]
    sections = [Section("The equation of a step", latex)]
    text = render(Page(path.stem, lead, sections, live=replace(live, alone=True)))
    write_whole(path, text)
    size = f"{len(text.encode()):,} bytes; it needs no network and no server"
    return Exported((path,), (size, *notes))


def write_module(path: Path, doc: str, script: str, names: str, notes: list[str]) -> Exported:
    """Write a script as a module that exports these names."""
    text = f"/** {doc} */\n{script}\nexport {{ {names} }};\n"
    write_whole(path, text)
    return Exported((path,), (f"{len(text.encode()):,} bytes, weights included", *notes))
