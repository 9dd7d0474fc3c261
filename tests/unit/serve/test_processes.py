"""The command itself, with two processes: what they share, what a kill costs, how they stop."""

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import served
from unrolled import cli

if os.name == "nt":
    pytest.skip("`unrolled serve` needs Linux or macOS", allow_module_level=True)

PATIENCE = 120.0  # seconds: a machine may be busy


@contextmanager
def serving(*words: str, log: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A server in a process of its own, and its port."""
    command = [sys.executable, "-m", "unrolled", "serve", *words, "--port", "0"]
    with log.open("wb") as file, subprocess.Popen(command, stdout=file, stderr=file) as process:
        try:
            until(lambda: re.search(r"http://127\.0\.0\.1:(\d+)", log.read_text()))
            found = re.search(r":(\d+) \(API", log.read_text())
            assert found is not None
            yield process, int(found[1])
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(PATIENCE)


def until(condition: Callable[[], Any]) -> Any:
    """What comes true after a while."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            found = condition()
        except (OSError, http.client.HTTPException):
            found = None
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come true")


def asked(port: int, address: str, body: Any = None, method: str = "POST") -> tuple[int, Any]:
    """The status and the answer, on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        text = None if body is None else json.dumps(body)
        connection.request(method, address, text, {"Content-Type": "application/json"})
        response = connection.getresponse()
        content = response.read()
        is_json = response.headers["content-type"] == "application/json"
        return response.status, json.loads(content) if is_json else content.decode()
    finally:
        connection.close()


def workers(port: int) -> set[str]:
    """The processes whose metrics are there."""
    return set(
        re.findall(r'unrolled_sessions\{worker="(\d+)"', asked(port, "/metrics", method="GET")[1])
    )


@pytest.mark.exhaustive
def test_two_processes(folder: Path, tmp_path: Path) -> None:
    place = Path(shutil.copytree(folder / "opinions", tmp_path / "opinions"))
    log = tmp_path / "log"
    runs = [str(place), f"sales={folder / 'sales'}"]
    with serving(*runs, "--workers", "2", log=log) as (process, port):
        until(lambda: workers(port) == {"1", "2"})
        sessions_of_either(port)
        killed_under_load(port, log)
        replaced(place, port, log)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    with pytest.raises(ConnectionRefusedError):
        asked(port, "/health", method="GET")


def sessions_of_either(port: int) -> None:
    """Whichever process takes a connection, it answers for the sessions of both."""
    opened = [asked(port, "/runs/sales/sessions", {})[1]["session"] for _ in range(6)]
    for name in opened * 2:
        status, answer = asked(port, f"/sessions/{name}", {"value": 10.0})
        assert (status, len(answer["median"])) == (200, 6)
    assert asked(port, f"/sessions/{opened[0]}", {"value": "x"})[0] == 422
    for name in opened:
        assert asked(port, f"/sessions/{name}", method="DELETE")[0] == 204
    assert {asked(port, f"/sessions/{name}", {"value": 1.0})[0] for name in opened} == {404}
    assert asked(port, "/sessions/7-none", {"value": 1.0})[0] == 404


def killed_under_load(port: int, log: Path) -> None:
    """The other one goes on, and another takes the place of the one that was killed."""
    (pid,) = re.findall(r"process 1 is (\d+)", log.read_text())
    os.kill(int(pid), signal.SIGKILL)
    answered = 0
    for _ in range(20):
        try:
            answered += asked(port, "/runs/opinions/predict", {"texts": ["good"]})[0] == 200
        except (OSError, http.client.HTTPException):
            continue  # it was in the hands of the one that was killed
    assert answered >= 18
    until(lambda: workers(port) == {"1", "2"})
    assert "ended (by SIGKILL): starting another" in log.read_text()


def replaced(place: Path, port: int, log: Path) -> None:
    """Requests come all the while, and none is lost."""
    other = served.keep(served.classifier(seed=7), place.with_name("other"))
    before = asked(port, "/runs/opinions/predict", {"texts": ["good"]})
    place.rename(place.with_name("old"))
    other.rename(place)
    statuses = set()
    while log.read_text().count("'opinions' was replaced and has been reloaded") < 2:
        status, answer = asked(port, "/runs/opinions/predict", {"texts": ["good"]})
        statuses.add(status)
    assert statuses == {200}
    _, answer = asked(port, "/runs/opinions/predict", {"texts": ["good"]})
    assert answer != before[1]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nowhere"], "there is no run 'nowhere'"),
        (["a", "a"], "two runs are called 'a'"),
        (["a", "--workers", "0"], "--workers must be an integer from 1 to 64"),
        (["a", "--port", "70000"], "--port must be a number from 0 to 65535"),
        (["a", "--host", "192.0.2.1"], "cannot listen on"),
        (["a", "--host", "no such host"], "cannot listen on"),
        (["a", "--most-items", "1.5"], "--most-items must be an integer above 0"),
        (["a", "--most-seconds", "0"], "--most-seconds must be a number above 0"),
        (["a", "--token", "é"], "a token must consist of"),
    ],
    ids=str,
)
def test_what_cannot_be_served_is_said(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    port = [] if "--port" in words else ["--port", "0"]
    assert cli.main(["serve", *words, *port]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1
