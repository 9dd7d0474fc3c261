"""Work in another process: its answer, its failure, its time limit."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from unrolled.bench.child import ChildFailed, ChildTookTooLong, call

HERE = "answers_for_child"


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = """
import os, subprocess, sys, time
def add(a, b):
    print("some chatter")
    return {"sum": a + b, "environment": os.environ.get("UNROLLED_TEST")}
def fail():
    raise ValueError("what went wrong")
def hang(note):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    open(note, "w").write(str(child.pid))
    time.sleep(60)
"""
    (tmp_path / f"{HERE}.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


@pytest.mark.usefixtures("elsewhere")
def test_it_answers() -> None:
    answer = call(f"{HERE}:add", {"a": 2, "b": 3}, 60, {"UNROLLED_TEST": "seen"})
    assert answer == {"sum": 5, "environment": "seen"}


@pytest.mark.usefixtures("elsewhere")
def test_its_failure_is_told() -> None:
    with pytest.raises(ChildFailed, match="status 1: ValueError: what went wrong"):
        call(f"{HERE}:fail", {}, 60)


@pytest.mark.usefixtures("elsewhere")
def test_at_its_limit_it_ends_with_what_it_started(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    with pytest.raises(ChildTookTooLong, match="stopped after 5 s"):
        call(f"{HERE}:hang", {"note": str(note)}, 5)
    deadline = time.monotonic() + 30
    while is_running(int(note.read_text())) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(int(note.read_text()))


def is_running(pid: int) -> bool:
    """Not counting a process that has ended and whom nobody has asked how."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return bool(state.stdout.strip()) and not state.stdout.startswith("Z")
