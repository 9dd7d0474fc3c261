"""Clients that are slow, or speak no HTTP, on a real connection."""

import json
import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn

from unrolled.serve.app import Application
from unrolled.serve.guard import Guard
from unrolled.serve.limits import Limits
from unrolled.serve.metrics import Metrics
from unrolled.serve.orders import listen
from unrolled.serve.protocol import bounded

IMPATIENT = Limits(patience=0.3, body=1000)


@pytest.fixture(scope="module")
def port(application: Application) -> Iterator[int]:
    """A server in a thread of this process."""
    guarded = Guard(application.app, IMPATIENT, None, Metrics())
    config = uvicorn.Config(
        guarded, http=bounded(IMPATIENT), ws="none", lifespan="off", log_level="error"
    )
    server, listening = uvicorn.Server(config), listen("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join()
    listening.close()


def answered(port: int, *pieces: bytes) -> tuple[int, str]:
    """Status and sentence, after which the server ends the connection."""
    found = b""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        for piece in pieces:
            client.sendall(piece)
        while piece := client.recv(65536):
            found += piece
    head, _, body = found.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)["error"]


START = b"POST /runs/opinions/predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("pieces", "status", "sentence"),
    [
        ([], 408, "no request came within 0.3 seconds"),
        ([b"POST /runs"], 408, "no request came"),
        ([START], 408, "no request came"),
        ([START + b"Content-Length: 30\r\n\r\n", b'{"texts'], 408, "the body did not arrive"),
        ([START + b"Transfer-Encoding: chunked\r\n\r\n5\r\n12"], 408, "the body did not arrive"),
        ([b"\x16\x03\x01 this is TLS, or nothing\r\n\r\n"], 400, "this is not an HTTP request"),
        ([START + b"Content-Length: many\r\n\r\n"], 400, "this is not an HTTP request"),
        ([START + b"X: " + b"x" * 70_000], 431, "the headers are larger than 65,536 bytes"),
        ([START + b"Content-Length: 1001\r\n\r\n"], 413, "larger than 1,000 bytes"),
    ],
    ids=lambda one: repr(one)[:40],
)
def test_refused(port: int, pieces: list[bytes], status: int, sentence: str) -> None:
    found, said = answered(port, *pieces)
    assert (found, sentence in said) == (status, True), said


def test_two_requests_on_one_connection_and_those_behind_one_another(port: int) -> None:
    body = b'{"texts": ["good"]}'
    request = START + b"Content-Length: %d\r\n\r\n" % len(body) + body
    last = request.replace(b"Host: a", b"Host: a\r\nConnection: close")
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(request + last)
        found = b""
        while piece := client.recv(65536):
            found += piece
    assert found.count(b"HTTP/1.1 200") == 2
