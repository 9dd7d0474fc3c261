"""Counters in Prometheus' text format. In: what happened. Out: samples, and their page.

Samples of several processes are distinguished by the label `worker`. Next: `guard` and `batching`
count; `app` shows the page.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)

Labels = tuple[tuple[str, str], ...]
Samples = dict[str, float]  # `name{label="value"}` -> value

# Name -> type, help text.
KINDS = {
    "unrolled_requests_total": ("counter", "Requests answered, by route and status."),
    "unrolled_request_seconds": ("histogram", "Time from a request's headers to its answer."),
    "unrolled_items_total": ("counter", "Texts or series answered, by run."),
    "unrolled_batch_items": ("histogram", "Texts or series in one batch, by run."),
    "unrolled_tokens_total": ("counter", "Tokens generated, by run."),
    "unrolled_reloads_total": ("counter", "Runs reloaded after a replacement."),
    "unrolled_reload_failures_total": ("counter", "Replaced runs that could not be loaded."),
    "unrolled_waiting_items": ("gauge", "Texts or series waiting for a batch, by run."),
    "unrolled_sessions": ("gauge", "Open sessions."),
}


class Metrics:
    """The counters of one process."""

    def __init__(self) -> None:
        self._counts: defaultdict[tuple[str, Labels], float] = defaultdict(float)
        self._buckets: dict[tuple[str, Labels], tuple[Sequence[float], list[int]]] = {}
        self._gauges: dict[tuple[str, Labels], Callable[[], float]] = {}

    def count(self, name: str, value: float = 1.0, **labels: str) -> None:
        self._counts[name, tuple(labels.items())] += value

    def observe(self, name: str, bounds: Sequence[float], value: float, **labels: str) -> None:
        """Add a value to a histogram."""
        key = name, tuple(labels.items())
        if key not in self._buckets:
            self._buckets[key] = bounds, [0] * (len(bounds) + 1)
        self._buckets[key][1][bisect_left(bounds, value)] += 1
        self._counts[f"{name}_sum", key[1]] += value

    def gauge(self, name: str, read: Callable[[], float], **labels: str) -> None:
        """Add a value that is read on request."""
        self._gauges[name, tuple(labels.items())] = read

    def samples(self, worker: str) -> Samples:
        """All current samples."""
        mine = (("worker", worker),)
        found = {_line(name, mine + labels): value for (name, labels), value in
                 self._counts.items()}  # fmt: skip
        found |= {_line(name, mine + labels): read() for (name, labels), read in
                  self._gauges.items()}  # fmt: skip
        for (name, labels), (bounds, counts) in self._buckets.items():
            total = 0
            for bound, count in zip((*map(str, bounds), "+Inf"), counts, strict=True):
                total += count
                found[_line(f"{name}_bucket", (*mine, *labels, ("le", bound)))] = total
            found[_line(f"{name}_count", mine + labels)] = total
        return found


def page(samples: Iterable[Samples]) -> str:
    """The samples of all processes, grouped by metric."""
    every = {line: value for some in samples for line, value in some.items()}
    lines = []
    for name, (kind, says) in KINDS.items():
        lines += [f"# HELP {name} {says}", f"# TYPE {name} {kind}"]
        lines += [f"{line} {value:.10g}" for line, value in every.items() if _is_of(line, name)]
    return "\n".join(lines) + "\n"


def _is_of(line: str, name: str) -> bool:
    return line.partition("{")[0] in {f"{name}{end}" for end in ("", "_bucket", "_sum", "_count")}


def _line(name: str, labels: Labels) -> str:
    said = ",".join(f'{label}="{_escaped(value)}"' for label, value in labels)
    return f"{name}{{{said}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
