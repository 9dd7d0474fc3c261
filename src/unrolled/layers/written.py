"""A recurrence as text. In: an equation, sizes, the layout of its weights. Out: a string, from
which any process creates the same recurrence; next: the operators of `opaque`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from unrolled.compile import lowered
from unrolled.engines.engine import Source, Sources
from unrolled.engines.plan.lower import Lowered
from unrolled.equations.equation import Equation


def write(
    equation: Equation, sizes: Mapping[str, int], sources: Sources, kept: str | None = None
) -> str:
    """Everything that an engine needs, except the values."""
    places = {w: [[source.array, source.row] for source in some] for w, some in sources.items()}
    data = {"order": 0, "sizes": dict(sizes), "sources": places, "equation": equation.json}
    return json.dumps(data if kept is None else data | {"kept": kept})


def tangent(text: str) -> str:
    """The recurrence together with its derivative in a direction."""
    data = json.loads(text)
    return json.dumps(data | {"order": data["order"] + 1})


def read(text: str) -> tuple[Lowered, dict[str, int], Sources, int, str]:
    """Read what `write` wrote, how often `tangent` was applied, and `kept`."""
    data = json.loads(text)
    sources = {w: tuple([Source(*source) for source in some])
               for w, some in data["sources"].items()}  # fmt: skip
    found = lowered(Equation.from_json(data["equation"]), data["sizes"])
    return found, data["sizes"], sources, data["order"], data.get("kept", "")
