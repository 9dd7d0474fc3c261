"""The contestants. In: a name. Out: a function that creates a `Contestant`; next: `contest`.

Each module here is one way to run a cell, written as its users write it, and has a function for
each kind of work it can do: `training`, `inference`, `ragged`, `stream`, called with a problem and
the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec

from unrolled.bench.contestant import Contestant
from unrolled.bench.problem import Problem

# Name -> its module here, and the packages it needs.
PEERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "torch.nn": ("torch_nn", ()),
    "Python loop": ("python_loop", ()),
    "JAX lax.scan": ("lax_scan", ("jax",)),
    "ONNX Runtime": ("onnx_runtime", ("onnx", "onnxruntime")),
    "ONNX Runtime, bound": ("onnx_bound", ("onnx", "onnxruntime")),
}


def present(names: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The installed peers, and why the others are left out."""
    left_out = {}
    for name in names:
        missing = [package for package in PEERS[name][1] if find_spec(package) is None]
        if missing:
            left_out[name] = (
                f"{' and '.join(missing)} not installed: "
                "`pip install 'unrolled[bench]'` installs it"
            )
    return [name for name in names if name not in left_out], left_out


def maker(name: str, work: str) -> Callable[[Problem, int], Contestant]:
    """The function that creates this peer's contestant for this kind of work."""
    module = import_module(f"unrolled.bench.peers.{PEERS[name][0]}")
    make: Callable[[Problem, int], Contestant] = getattr(module, work)
    return make
