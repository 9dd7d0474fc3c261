"""Serve one or more runs over HTTP: JSON in, JSON out.

unrolled serve runs/reviews-1                       at http://127.0.0.1:8000, on this machine alone
unrolled serve reviews=runs/reviews-7 runs/sales --port 9000 --workers 2
UNROLLED_TOKEN=secret unrolled serve runs/reviews-1 --host 0.0.0.0

A run that is replaced on disk is reloaded. SIGTERM stops the server cleanly.
"""

import argparse
import os
from dataclasses import fields
from typing import Any

from unrolled.errors import UsageError

TOKEN = "UNROLLED_TOKEN"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
MOST_WORKERS = 64

# Option -> its field of Limits, what it limits.
LIMITS = {
    "--most-bytes": ("body", "bytes of a request"),
    "--most-length": ("length", "characters of a text, or steps of a series"),
    "--most-items": ("items", "texts or series of one request"),
    "--most-tokens": ("tokens", "tokens to generate in one request"),
    "--most-seconds": ("seconds", "seconds for an answer"),
    "--most-sessions": ("sessions", "open sessions in each process"),
    "--idle-seconds": ("idle", "seconds that an idle session is kept"),
}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", nargs="+", metavar="RUN", help="a folder, or NAME=FOLDER")
    parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS",
                        help="where to listen (default: 127.0.0.1, this machine alone; 0.0.0.0: "
                        "every network)")  # fmt: skip
    parser.add_argument(
        "--port", type=int, default=8000, help="port (default: 8000; 0: any free port)"
    )
    parser.add_argument("--token", metavar="WORDS",
                        help=f"answer only requests with this token (or set {TOKEN})")  # fmt: skip
    parser.add_argument("--workers", type=int, default=1, metavar="N",
                        help="processes (default: 1); each loads every run")  # fmt: skip
    for option, (name, what) in LIMITS.items():
        parser.add_argument(option, dest=name, type=float, metavar="N", help=f"maximum {what}")


def run(arguments: argparse.Namespace) -> int:
    from unrolled.serve.orders import Orders, listen, places_of
    from unrolled.training.run_folder import RunFolder

    if not 1 <= arguments.workers <= MOST_WORKERS:
        raise UsageError(f"--workers must be an integer from 1 to {MOST_WORKERS}")
    if not 0 <= arguments.port < 2**16:
        raise UsageError("--port must be a number from 0 to 65535")
    if os.name == "nt":
        raise UsageError("`unrolled serve` needs Linux or macOS: on Windows, start it under WSL")
    what = Orders(places_of(arguments.runs), limits_of(arguments), token_of(arguments))
    try:
        listening = listen(arguments.host, arguments.port)
    except (OSError, UnicodeError) as error:
        raise UsageError(
            f"cannot listen on {arguments.host} port {arguments.port} "
            f"({getattr(error, 'strerror', None) or error}): choose another --host or --port"
        ) from None
    with listening:
        for place in what.places.values():
            RunFolder.open(place)
        say_where(listening.getsockname()[1], arguments, list(what.places), what.token)
        if arguments.workers > 1:
            from unrolled.serve.workers import run_workers

            return run_workers(what, listening, arguments.workers)
        from unrolled.serve.channel import Channel
        from unrolled.serve.process import serve

        serve(what, listening, Channel(None, 1))
    return 0


def limits_of(arguments: argparse.Namespace) -> Any:
    """The limits, with those given as options."""
    from unrolled.serve.limits import Limits

    given: dict[str, Any] = {}
    kinds = {one.name: one.type for one in fields(Limits)}
    for option, (name, _) in LIMITS.items():
        value = getattr(arguments, name)
        if value is None:
            continue
        is_whole = kinds[name] == "int"
        if not 0 < value < 2**31 or (is_whole and value != int(value)):
            raise UsageError(f"{option} must be {'an integer' if is_whole else 'a number'} above 0")
        given[name] = int(value) if is_whole else value
    return Limits(**given)


def token_of(arguments: argparse.Namespace) -> str | None:
    """The token, checked to be valid in a header."""
    token: str | None = arguments.token
    if token is None:
        token = os.environ.get(TOKEN) or None
    if token is not None and not (token.isascii() and token.isprintable() and token.strip()):
        raise UsageError("a token must consist of ASCII letters, digits and punctuation")
    return token


def say_where(
    port: int, arguments: argparse.Namespace, names: list[str], token: str | None
) -> None:
    """Print the address, and a warning if it is open to anybody."""
    host = f"[{arguments.host}]" if ":" in arguments.host else arguments.host
    print(f"serving {', '.join(names)} at http://{host}:{port} (API: /docs)", flush=True)
    if arguments.host not in LOOPBACK and token is None:
        print("note: other machines can reach this address, and no --token is set", flush=True)
