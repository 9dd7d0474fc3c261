"""What a call looks like: its buffers and steps, and on two batches its chunks and leased memory.

A change shows in the file beside this one: read the difference, then run with --update-golden.
"""

from pathlib import Path

import numpy as np
import pytest

from tests.unit.engines.cpu.call.calls import Calls
from unrolled.cells import GRU, LSTM, Elman
from unrolled.engines.cpu.call.text import on_batch, text
from unrolled.engines.plan.directions import Inputs
from unrolled.engines.plan.schedule import dense_schedule, ragged_schedule

FOLDER = Path(__file__).parent / "calls"
CELLS = {"elman": Elman, "gru": GRU, "lstm": LSTM}


def of_a_cell(name: str) -> str:
    """Both directions, with the input's products in the kernel; and beside it."""
    parts = []
    for where, inside in (("in the kernel", True), ("beside it", False)):
        calls = Calls(CELLS[name], 9, 12, inside=inside)
        back = calls.backward(Inputs.INSIDE if inside else Inputs.OUTSIDE)
        parts += [f"# forward, the input's products {where}\n\n{text(calls.forward.call)}",
                  f"# backward, the input's products {where}\n\n{text(back.call)}"]  # fmt: skip
    return "\n\n".join(parts)


def of_a_ragged_batch() -> str:
    """An LSTM's sequences of 5, 2, 0 and 3 steps, in two jobs."""
    calls, schedule = Calls(LSTM, 9, 12), ragged_schedule(np.array([5, 2, 0, 3]), 2)
    back = calls.backward(Inputs.INSIDE).call
    return (f"# forward\n\n{on_batch(calls.forward.call, schedule)}\n"
            f"# backward\n\n{on_batch(back, schedule)}")  # fmt: skip


def of_a_recomputed_segment() -> str:
    """A GRU's steps 4000 to 7999 of a single sequence: forward that keeps nothing, forward again
    that does, and back."""
    schedule = dense_schedule(12_000, 1, 1).window(4000, 8000)
    first, again = Calls(GRU, 9, 300, inside=False, keep=False), Calls(GRU, 9, 300, inside=False)
    calls = {"forward": first.forward.call, "forward again": again.forward.call,
             "backward": again.backward().call}  # fmt: skip
    return "\n".join(f"# {title}\n\n{on_batch(call, schedule)}" for title, call in calls.items())


PRINTED = {
    **{name: lambda name=name: of_a_cell(name) for name in CELLS},
    "ragged": of_a_ragged_batch,
    "recomputed": of_a_recomputed_segment,
}


@pytest.mark.parametrize("name", PRINTED)
def test_a_call_prints_as_it_did(name: str, request: pytest.FixtureRequest) -> None:
    path = FOLDER / f"{name}.txt"
    printed = PRINTED[name]()
    if request.config.getoption("--update-golden"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(printed)
    assert printed == path.read_text()


def test_no_golden_file_is_left_over() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(PRINTED)
