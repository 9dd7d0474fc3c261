"""One step a call, batch 1, of the C that `unrolled export --to c` writes, compiled with gcc -O3
for this processor, beside ONNX Runtime with explicit states, called plainly and with its inputs and
outputs bound to memory. The C is called step by step from Python, as ONNX Runtime is; and in a loop
in C, as in a firmware, with the library's functions and with its own. A time is that of one step in
a sequence of 256.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from unrolled.bench.contest import Maker, Settings, against
from unrolled.bench.contestant import OURS
from unrolled.bench.peers import c_export
from unrolled.bench.problem import BUILT_IN, Problem, Shape
from unrolled.bench.record import Record

PEERS = ("ONNX Runtime", "ONNX Runtime, bound")
FROM_C, WITHOUT_LIBM = f"{OURS}, from C", f"{OURS}, from C, no libm"
SIZE, STEPS = 64, 256


def measure(settings: Settings) -> Iterator[Record]:
    why_not = c_export.missing()
    for cell in settings.chosen(BUILT_IN):
        problem = Problem(cell, Shape(1, STEPS, SIZE, SIZE))
        makers: dict[str, Maker] = {
            OURS: partial(c_export.stream, problem),
            FROM_C: partial(c_export.stream, problem, from_c=True),
            WITHOUT_LIBM: partial(c_export.stream, problem, libm=False, from_c=True),
        }
        record = against(settings, "exports", "stream", problem, PEERS, {} if why_not else makers)
        more = {} if why_not is None else {OURS: why_not}
        yield replace(record, left_out={**record.left_out, **more})
