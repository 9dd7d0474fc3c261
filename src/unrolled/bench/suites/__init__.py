"""The suites. In: a name. Out: a module with `measure(settings)`, which yields records; next:
`campaign`. The docstring of a suite says exactly what its contestants do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module

from unrolled.bench.contest import Settings
from unrolled.bench.record import Record

# Name -> (module, title of its table, whether only asked for by name).
SUITES: dict[str, tuple[str, str, bool]] = {
    "training": ("training", "a training step of torch.nn's own cells", False),
    "inference": ("inference", "inference with torch.nn's own cells", False),
    "ragged": ("ragged", "a training step with sequences of different lengths", False),
    "own-cells": ("own_cells", "a training step of cells that torch.nn does not have", False),
    "stream": ("stream", "one step of a stream, batch 1", False),
    "exports": ("exports", "one step of an export to C, batch 1", True),
    "peephole": ("peephole", "what a peephole costs over the plain LSTM", False),
    "modifiers": ("modified", "what modifiers cost over the plain LSTM", True),
    "rate": ("rate", "products a second, beside torch's own matrix product", False),
    "compiling": ("compiling", "time to compile, without and with the cache on disk", False),
    "memory": ("memory", "peak memory of a training step", False),
    "recompute": ("recompute", "a long sequence that is not kept", False),
    "text": ("text", "an epoch of a text classifier", False),
    "torch": ("at_home", "differentiated twice, compiled, reset, one step, a small call", True),
    "decode": ("decode", "attention and beam search", False),
    "bfloat16": ("bfloat16", "layers of bfloat16, and the processor's peak", True),
    "jobs": ("jobs", "default flags, beside what a person would take instead", True),
    "torch-compile": ("torch_compile", "the Python loop under torch.compile", True),
}


def title(name: str) -> str:
    return SUITES[name][1]


def measurement(name: str) -> Callable[[Settings], Iterator[Record]]:
    module = import_module(f"unrolled.bench.suites.{SUITES[name][0]}")
    measure: Callable[[Settings], Iterator[Record]] = module.measure
    return measure
