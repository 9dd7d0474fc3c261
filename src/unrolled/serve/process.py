"""One serving process. In: a listening socket, orders. Out: it returns when it is stopped.

SIGTERM and SIGINT stop it cleanly: it accepts no new connections, finishes its requests, and
returns. One of several processes also stops when its parent is gone. Next: `workers`.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import uvicorn

from unrolled.serve.app import Application
from unrolled.serve.channel import Channel
from unrolled.serve.metrics import Metrics
from unrolled.serve.orders import STOPPING, Orders
from unrolled.serve.protocol import bounded
from unrolled.serve.runs import Runs


class Server(uvicorn.Server):
    """uvicorn's server, which returns when it is stopped."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for one in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(one, self.stop)
        parent = multiprocessing.parent_process()
        if parent is not None:
            loop.add_reader(parent.sentinel, self.stop)
        yield

    def stop(self) -> None:
        self.should_exit = True
        parent = multiprocessing.parent_process()
        if parent is not None:
            asyncio.get_running_loop().remove_reader(parent.sentinel)


def serve(what: Orders, listening: socket.socket, channel: Channel, processes: int = 1) -> None:
    """Serve until stopped."""
    if processes > 1:
        torch.set_num_threads(max(1, torch.get_num_threads() // processes))
    _allow_many_connections()
    runs = Runs(what.places, what.limits, Metrics())
    application = Application(runs, what.limits, what.token, channel)
    config = uvicorn.Config(
        application.asgi, http=bounded(what.limits), ws="none", lifespan="on", log_level="error",
        access_log=False, server_header=False, limit_concurrency=what.limits.connections,
        timeout_keep_alive=65, timeout_graceful_shutdown=STOPPING, backlog=2048,
    )  # fmt: skip
    Server(config).run(sockets=[listening])


def _allow_many_connections() -> None:
    """Raise the limit on open files, since each connection is one."""
    if os.name == "nt":
        return
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
