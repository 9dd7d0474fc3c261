"""An interactive page for a cell. In: a cell with sizes. Out: a `Page`; next: `unrolled cell`.

The user enters or draws a sequence, changes weights, and goes line by line through the step and the
derived backward step, which show every named value and derivative as numbers and plots.
"""

from __future__ import annotations

import html
import json
import math
from typing import Any

from unrolled.cells.base import Cell
from unrolled.cells.base import equation as equation_of
from unrolled.equations.equation import Equation
from unrolled.equations.ops import shape_of
from unrolled.exports.javascript import layers_of, recurrent_function
from unrolled.exports.network import network_of
from unrolled.report.blocks import Block, Live, Math, Page, Section
from unrolled.report.page import source

STEPS = 8

BODY = """
<p>Type a sequence or draw it, move the weights below, and go through time line by line: forward
through the step, then back through the step that is derived from it.</p>
<label for="text">The sequence: {numbers}</label>
<textarea id="text" spellcheck="false" style="min-height: {height}">{example}</textarea>
{named}<p id="wrong" class="wrong" role="alert"></p>
<svg id="series" role="application" tabindex="0" aria-label="the sequence; left and right go through
time, up and down move the value"></svg>
<div class="controls">
<label for="loss">The loss is the sum of the outputs</label>
<select id="loss"><option value="last">of the last step</option><option value="every">of every
step</option></select> <span>= <output id="sum"></output></span>
</div>
<div class="scrubber">
<div class="controls" role="group" aria-label="where the computation stands">
<button id="step-before" type="button" aria-label="one time step back">«</button>
<button id="line-before" type="button" aria-label="one line back">‹</button>
<button id="play" type="button"></button>
<button id="line-after" type="button" aria-label="one line on">›</button>
<button id="step-after" type="button" aria-label="one time step on">»</button>
<input id="step" type="range" min="0" value="0" max="100000" aria-label="the line that is computed">
</div>
<p><strong id="where" role="status"></strong></p>
</div>
<p class="numbers">{input} = <span id="x"></span>
<span id="old"></span></p>
<div class="columns">
<div><h3>The step</h3><div id="forward"></div></div>
<div><h3>The derived backward step</h3><div id="backward"></div></div>
</div>
<p class="hint">Pictures: a row for each unit, a column for each time step (of the derivative of a
matrix: its rows and columns, at this step); blue is positive, orange negative, blank is not
computed yet. d_h is the derivative of the loss with respect to h.</p>
<h3>The weights</h3>
<p class="hint">Each with the derivative of the loss with respect to it, d, over the whole
sequence.</p>
<div id="weights"></div>
"""


def cell_page(cell: Cell, about: str = "") -> Page:
    """The page of a cell with sizes; a few units are enough."""
    equation = equation_of(cell)
    network = network_of(cell, [n for n in equation.named_inputs if n not in equation.noise])
    equation = network.equation
    wide = network.input_size
    example = [[round(math.sin(0.9 * t + c), 2) for c in range(wide)] for t in range(STEPS)]
    rows = [", ".join(map(str, row)) for row in example]
    x = next(iter(equation.inputs))
    body = BODY.format(
        numbers="numbers" if wide == 1 else f"a line for each step, {wide} numbers in each",
        height="3rem" if wide == 1 else "7rem",
        example=(" " if wide == 1 else "\n").join(rows),
        input=html.escape(x),
        named="".join(
            _field(name, count, equation.defaults.get(name, 1.0))
            for name, count in network.named.items()
        ),
    )
    sizes = network.layers[0][0].sizes
    run = {
        "layers": layers_of(network),
        "inputs": wide,
        "named": network.named,
        "lines": [*_lines(equation, "forward", sizes), *_arriving(equation),
                  *_lines(equation.backward, "backward", sizes)],
        "weights": [{"name": name, "shape": [sizes[size] for size in shape]}
                    for name, shape in equation.weights.items()],
    }  # fmt: skip
    known = f"const run = {json.dumps(run, ensure_ascii=True)};\n"
    script = "\n".join([recurrent_function(equation), known, source("cell.js")])
    written: list[Block] = [
        Math(equation.latex, "step", "The step."),
        Math(equation.backward.latex, "backward", "The backward step that is derived from it."),
    ]
    lead = about or "A recurrent cell, one line at a time."
    return Page(
        f"The cell {equation.name}",
        lead,
        [Section("The equations", written)],
        live=Live("Step through it", body, script, alone=True),
    )


def _field(name: str, count: int, value: float) -> str:
    """The input field of a named input."""
    each = "a number" if count == 1 else f"{count} numbers"
    start = ", ".join([f"{value:g}"] * count)
    name = html.escape(name)
    return (
        f'<label for="named-{name}"><code>{name}</code>: {each} for all steps, or {each} for each '
        f"step{', one step a line' * (count > 1)}</label>\n"
        f'<textarea id="named-{name}" class="named" spellcheck="false" '
        f'style="min-height: 2.6rem">{start}</textarea>\n'
    )


def _lines(equation: Equation, kind: str, sizes: Any) -> list[dict[str, Any]]:
    """The printed lines, each with its name and the shape of its result."""
    shapes = {name: shape_of(node) for name, node in equation.statements}
    found = []
    for text in equation.text.splitlines():
        name = text.partition(" = ")[0]
        shape = [sizes[size] for size in shapes.get(name, ()) if size != "1"]
        found.append({
            "kind": kind, "name": name, "text": text, "isMatrix": len(shape) == 2,
            "columns": shape[1] if len(shape) == 2 else 1,
        })  # fmt: skip
    return found


def _arriving(equation: Equation) -> list[dict[str, Any]]:
    """The derivatives that enter a step, before its own lines."""
    names = [v.name for v in equation.backward.given if v.role == "cotangent"]
    return [
        {"kind": "arrives", "name": name, "isMatrix": False, "columns": 1,
         "text": f"{name} = {'from the loss and ' * (not number)}from the step after"}
        for number, name in enumerate(names)
    ]  # fmt: skip
