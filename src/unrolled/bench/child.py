"""Run work in a separate process. In: "module:function" and arguments as JSON. Out: its result;
next: suites whose work must be the first, or the only one, in a process.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

MARK = "unrolled-bench-result: "


class ChildFailed(Exception):
    """The other process ended without a result."""


class ChildTookTooLong(ChildFailed):
    """The other process was stopped at its time limit."""


def call(
    function: str,
    arguments: Mapping[str, Any],
    limit: float,
    environment: Mapping[str, str] | None = None,
) -> Any:
    """Run it in a child process with a time limit; all processes that it starts end with it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "unrolled.bench.child", function],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
        process_group=0,  # not a session: the scheduler may weigh sessions, and it is our work
    )
    try:
        printed, complaints = process.communicate(json.dumps(dict(arguments)), timeout=limit)
    except subprocess.TimeoutExpired:
        raise ChildTookTooLong(f"stopped after {limit:g} s") from None
    finally:
        if process.poll() is None:
            _end_group(process)
    results = [line for line in printed.splitlines() if line.startswith(MARK)]
    if process.returncode or not results:
        last = (complaints.strip().splitlines() or ["it printed nothing"])[-1]
        raise ChildFailed(f"{function} ended with status {process.returncode}: {last}")
    return json.loads(results[-1].removeprefix(MARK))


def _end_group(process: subprocess.Popen[str]) -> None:
    """End the whole process group, including compilers that the child started."""
    if hasattr(os, "killpg"):
        os.killpg(process.pid, 9)
    else:
        process.kill()
    process.communicate()


def main() -> None:
    """The entry point of the child process."""
    module, _, name = sys.argv[1].partition(":")
    function = getattr(importlib.import_module(module), name)
    result = function(**json.load(sys.stdin))
    print(MARK + json.dumps(result))


if __name__ == "__main__":
    main()
