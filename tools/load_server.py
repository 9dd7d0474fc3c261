"""Put a load on `unrolled serve`, and say how fast it answered. In: an address. Out: figures.

    unrolled serve runs/reviews-1 &
    python tools/load_server.py http://127.0.0.1:8000/runs/reviews-1/predict
    python tools/load_server.py http://127.0.0.1:8000/runs/reviews-1/predict --rate 10000
    python tools/load_server.py http://127.0.0.1:8000/runs/reviews-1/predict --beside runs/reviews-1

`--rate` sends so many texts a minute, at even times, whether or not answers have come: a slow
answer makes the next ones late, as it would for people. Without it, each connection asks again as
soon as it is answered. `--alone` is one connection and one text a request; `--sessions` steps a
forecaster's sessions. `--beside RUN` times the same batches in a loop in one process first.
Requests that get no answer, or a status of 400 or above, are counted and never timed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import cycle, islice
from urllib.parse import urlsplit

TEXTS = (
    "a film to remember", "the plot is thin and the jokes are old", "I found it warm and funny",
    "they say it is dull", "two hours that feel like four", "what a story, and what a cast!",
    "nothing new, nothing bad", "see it twice",
)  # fmt: skip


@dataclass
class Figures:
    """What was seen."""

    seconds: list[float] = field(default_factory=list)
    texts: int = 0
    statuses: Counter[str] = field(default_factory=Counter)

    def lines(self, took: float) -> list[str]:
        ordered = sorted(self.seconds)
        found = [f"{self.texts / took:,.0f} texts a second, {len(ordered) / took:,.0f} requests"]
        if ordered:
            places = {"median": 0.5, "90th": 0.9, "99th": 0.99, "99.9th": 0.999}
            shown = (
                f"{name} {1000 * ordered[min(int(share * len(ordered)), len(ordered) - 1)]:.2f} ms"
                for name, share in places.items()
            )
            found.append(", ".join([*shown, f"slowest {1000 * ordered[-1]:.2f} ms"]))
        return [*found, ", ".join(f"{status}: {n:,}" for status, n in self.statuses.items())]


class Connection:
    """One connection that is kept open, and opened again when it has ended."""

    def __init__(self, address: str, token: str | None) -> None:
        parts = urlsplit(address)
        self.host, self.port = parts.hostname or "127.0.0.1", parts.port or 80
        self.head = f"Host: {parts.netloc}\r\nContent-Type: application/json\r\n"
        if token:
            self.head += f"Authorization: Bearer {token}\r\n"
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        if self.writer is None or self.writer.is_closing():
            self.reader, self.writer = await asyncio.open_connection(self.host, self.port)
        assert self.reader is not None
        head = f"POST {path} HTTP/1.1\r\n{self.head}Content-Length: {len(body)}\r\n\r\n"
        self.writer.write(head.encode() + body)
        found = await self.reader.readuntil(b"\r\n\r\n")
        lines = found.decode("latin-1").lower().split("\r\n")
        length = next(int(one.partition(":")[2]) for one in lines if one.startswith("content-len"))
        return int(lines[0].split()[1]), await self.reader.readexactly(length)

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
        self.writer = None


async def ask(
    connection: Connection, path: str, body: bytes, texts: int, figures: Figures, began: float
) -> None:
    """One request, from the moment when it should have been sent."""
    try:
        status, _ = await connection.post(path, body)
    except (OSError, asyncio.IncompleteReadError) as error:
        connection.close()
        figures.statuses[type(error).__name__] += 1
        return
    figures.statuses[str(status)] += 1
    if status < 400:
        figures.seconds.append(time.perf_counter() - began)
        figures.texts += texts


async def load(arguments: argparse.Namespace, bodies: list[bytes]) -> tuple[Figures, float]:
    figures, path = Figures(), urlsplit(arguments.address).path
    begin = time.perf_counter()
    end, next_body = begin + arguments.seconds, cycle(bodies)
    due = iter(lambda: time.perf_counter(), None)
    if arguments.rate:
        pause = 60 * arguments.texts / arguments.rate
        due = (begin + number * pause for number in range(10**9))

    async def client() -> None:
        connection = Connection(arguments.address, arguments.token)
        where, body = path, None
        if arguments.sessions:
            _, opened = await connection.post(f"{path}", b"{}")
            where, body = f"/sessions/{json.loads(opened)['session']}", b'{"value": 1.0}'
        for moment in due:
            if moment >= end:
                break
            await asyncio.sleep(max(0.0, moment - time.perf_counter()))
            await ask(connection, where, body or next(next_body), arguments.texts, figures, moment)
        connection.close()

    await asyncio.gather(*(client() for _ in range(arguments.connections)))
    return figures, time.perf_counter() - begin


def loop_alone(run: str, texts: list[list[str]], seconds: float) -> float:
    """Texts a second of the same batches in a loop in this process."""
    from unrolled.tasks.runs import open_run

    model = open_run(run)
    for batch in texts[:3]:
        model.probabilities(batch, lambda note: None)
    begin, count = time.perf_counter(), 0
    for batch in cycle(texts):
        model.probabilities(batch, lambda note: None)
        count += len(batch)
        if time.perf_counter() - begin > seconds:
            break
    return count / (time.perf_counter() - begin)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("address")
    parser.add_argument("--texts", type=int, default=1, help="in a request (default: 1)")
    parser.add_argument("--connections", type=int, default=32, help="at once (default: 32)")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rate", type=float, help="texts a minute")
    parser.add_argument("--alone", action="store_true", help="one connection, one text")
    parser.add_argument("--sessions", action="store_true", help="the address opens a session")
    parser.add_argument("--beside", metavar="RUN", help="time the same batches in a loop first")
    parser.add_argument("--token")
    arguments = parser.parse_args()
    if arguments.alone:
        arguments.connections = arguments.texts = 1
    words = cycle(TEXTS)
    batches = [list(islice(words, arguments.texts)) for _ in range(len(TEXTS))]
    alone = 0.0
    if arguments.beside:
        alone = loop_alone(arguments.beside, batches, min(3.0, arguments.seconds))
        print(f"in a loop: {alone:,.0f} texts a second")
    bodies = [json.dumps({"texts": batch}).encode() for batch in batches]
    figures, took = asyncio.run(load(arguments, bodies))
    print("\n".join(figures.lines(took)))
    if alone:
        print(f"{figures.texts / took / alone:.0%} of the loop")


if __name__ == "__main__":
    main()
