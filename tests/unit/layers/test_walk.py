"""From a layer to the compiled launch are few functions, as docs/machine-code.md draws them."""

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import torch

import unrolled
from unrolled.cells import LSTM

OURS = str(Path(unrolled.__file__).parent)
FORWARD = [
    "run (layers/stack.py)", "forward (layers/operator.py)", "forward (engines/cpu/recurrence.py)",
    "openmp_parallel (engines/cpu/machine/threads.py)",
]  # fmt: skip
BACKWARD = [
    "backward (layers/operator.py)", "backward (engines/cpu/recurrence.py)",
    "openmp_parallel (engines/cpu/machine/threads.py)",
]  # fmt: skip


def walks(call: Callable[[], Any]) -> list[list[str]]:
    """Our functions that are running whenever compiled code is launched, the outermost first."""
    found: list[list[str]] = []

    def look(frame: FrameType | None, event: str, what: Any) -> None:
        if event != "c_call" or getattr(what, "__name__", "") != "launch":
            return
        names = []
        while frame is not None:
            file = frame.f_code.co_filename
            if file.startswith(OURS):
                where = Path(file).relative_to(OURS).as_posix()
                names.append(f"{frame.f_code.co_name} ({where})")
            frame = frame.f_back
        found.append(names[::-1])

    before = sys.getprofile()
    threading.setprofile(look)  # backward may run on a thread of its own
    sys.setprofile(look)
    try:
        call()
    finally:
        sys.setprofile(before)
        threading.setprofile(None)
    return found


@pytest.mark.parametrize("drop_in", [False, True])
def test_five_functions_there_and_three_back(drop_in: bool) -> None:
    layer = unrolled.LSTM(3, 5) if drop_in else unrolled.Recurrent(LSTM, 3, 5)
    first = f"forward (layers/{'drop_in' if drop_in else 'recurrent'}.py)"
    x = torch.zeros(4, 2, 3)
    layer(x)[0].sum().backward()
    there, back = walks(lambda: layer(x)[0].sum().backward())
    assert there == [first, *FORWARD]
    assert back == BACKWARD
    with torch.no_grad():
        (inference,) = walks(lambda: layer(x))
    assert inference == [first, FORWARD[0], "infer (layers/operator.py)", *FORWARD[2:]]
