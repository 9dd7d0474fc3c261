"""Several processes that serve one address. In: their number. Out: the exit status.

They share one listening socket, and the system gives each connection to one of them. A process that
ends (killed, out of memory, an error) is replaced at once, and only its current requests are lost.
One that cannot start ends them all with its error. Next: `cli.serve`.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import sys
import time
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

from unrolled.errors import UnrolledError
from unrolled.serve.orders import STOPPING, Orders, say

REFUSED = 2  # exit status: an error that the user can fix
YOUNG = 5.0  # seconds: a process that ends this early may do so again
PAUSE = 1.0  # seconds before it is replaced


class Workers:
    """The processes, and their supervision."""

    def __init__(self, what: Orders, listening: socket.socket, count: int, folder: Path) -> None:
        self.what, self.listening, self.count, self.folder = what, listening, count, folder
        self.is_stopping = False
        self.processes: dict[int, BaseProcess] = {}
        self.began: dict[int, float] = {}

    def run(self) -> int:
        """Keep the requested number of processes running until stopped."""
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing)  # so that a signal ends the waiting
        for one in (signal.SIGTERM, signal.SIGINT):
            signal.signal(one, self._stop)
        for number in range(1, self.count + 1):
            self._start(number)
        status = 0
        while not self.is_stopping:
            ready = wait([reading, *(one.sentinel for one in self.processes.values())])
            if reading in ready:
                os.read(reading, 1024)
                continue
            status = self._replace_ended()
        self._end_all()
        return status

    def _start(self, number: int) -> None:
        spawn = multiprocessing.get_context("spawn")
        process = spawn.Process(
            target=work, name=f"unrolled-{number}",
            args=(self.what, self.listening, str(self.folder), number, self.count),
        )  # fmt: skip
        process.start()
        self.processes[number], self.began[number] = process, time.monotonic()
        say(f"process {number} is {process.pid}")

    def _replace_ended(self) -> int:
        """Replace processes that have ended; returns a status if that is useless."""
        for number, process in list(self.processes.items()):
            if process.is_alive():
                continue
            process.join()
            if process.exitcode == REFUSED:
                self.is_stopping = True
                return REFUSED
            say(f"process {number} ended ({how(process.exitcode)}): starting another")
            if time.monotonic() - self.began[number] < YOUNG:
                time.sleep(PAUSE)
            if not self.is_stopping:
                self._start(number)
        return 0

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.is_stopping = True

    def _end_all(self) -> None:
        """Stop all processes cleanly, and kill those that do not stop in time."""
        for process in self.processes.values():
            process.terminate()
        latest = time.monotonic() + STOPPING + 5
        for process in self.processes.values():
            process.join(max(0.0, latest - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()


def run_workers(what: Orders, listening: socket.socket, count: int) -> int:
    """Serve with several processes until stopped; returns the exit status."""
    with TemporaryDirectory(prefix="unrolled-serve-") as folder:
        return Workers(what, listening, count, Path(folder)).run()


def work(what: Orders, listening: socket.socket, folder: str, number: int, count: int) -> None:
    """The body of one process."""
    from unrolled.serve.channel import Channel
    from unrolled.serve.process import serve

    try:
        serve(what, listening, Channel(Path(folder), number), count)
    except UnrolledError as error:
        print(f"unrolled: {error}", file=sys.stderr)
        sys.exit(REFUSED)


def how(status: int | None) -> str:
    """How a process ended, in words."""
    if status is not None and status < 0:
        return f"by {signal.Signals(-status).name}"
    return f"with status {status}"
