"""Several processes that serve one address. In: how many. Out: the exit status when all have ended.

They share one listening socket, and the system gives each connection to one of them. One that ends
(killed, out of memory, a fault) is replaced at once; one that cannot even begin ends them all, with
its sentence. The requests it was answering are lost, and nothing else is. Next: `cli.serve`.
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

REFUSED = 2  # exit status: something the user can put right
YOUNG = 5.0  # seconds: a process that ends so soon may do so again at once
PAUSE = 1.0  # seconds before such a one is replaced


class Workers:
    """The processes, and whoever looks after them."""

    def __init__(self, what: Orders, listening: socket.socket, count: int, folder: Path) -> None:
        self.what, self.listening, self.count, self.folder = what, listening, count, folder
        self.is_stopping = False
        self.processes: dict[int, BaseProcess] = {}
        self.began: dict[int, float] = {}

    def run(self) -> int:
        """Keep as many processes alive as were asked for, until told to stop."""
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing)  # so that waiting ends with a signal
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
        """Start another for each that has ended; the status if that is of no use."""
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
        """Let all end cleanly; who does not, in time, is ended."""
        for process in self.processes.values():
            process.terminate()
        latest = time.monotonic() + STOPPING + 5
        for process in self.processes.values():
            process.join(max(0.0, latest - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()


def run_workers(what: Orders, listening: socket.socket, count: int) -> int:
    """Serve with several processes until told to stop; the exit status."""
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
