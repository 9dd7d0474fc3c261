"""What the pages that compute have in common. In: facts, networks, scripts. Out: one script; next:
each task's page.

The scripts stand as `.js` files beside the modules that use them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

from unrolled.exports.javascript import encoded, recurrent_function
from unrolled.exports.network import Network
from unrolled.tasks.tokens import Tokens

LARGE = 300_000  # weights: from there on a page holds them as int8
MOST_BYTES = 16_000_000  # of a script within a report: more is no longer mailed


def script_of(network: Network, run: Mapping[str, Any], *sources: str) -> str:
    """The recurrent layers, what the page knows as `run`, and the files that compute with it."""
    known = f"const run = {json.dumps(run, ensure_ascii=True)};\n"
    return "\n".join([recurrent_function(network.equation), known, *sources])


def source(package: str, name: str) -> str:
    """A script of this package of tasks."""
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
    """What `tokens.js` asks of `run`."""
    return {"kind": tokens.kind, "table": tokens.table}
