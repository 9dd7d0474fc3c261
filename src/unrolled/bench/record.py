"""Measurements. In: samples. Out: `Record`, also as plain data; next: `goals`, `tables`."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from unrolled.bench.contestant import OURS
from unrolled.bench.problem import Shape


@dataclass
class Record:
    """One problem, and the times of each contestant."""

    suite: str
    cell: str
    shape: Shape | None
    samples: dict[str, list[float]] = field(default_factory=dict)  # one number a round
    unit: str = "s"
    parity: dict[str, float] = field(default_factory=dict)  # largest relative difference
    disagreement: str | None = None  # then there are no samples
    left_out: dict[str, str] = field(default_factory=dict)  # peer -> the reason
    others: float | None = None  # share of the cores that other processes used meanwhile
    facts: dict[str, Any] = field(default_factory=dict)

    def median(self, name: str) -> float:
        return median(self.samples[name])

    def spread(self, name: str) -> tuple[float, float]:
        """The least and the most."""
        return min(self.samples[name]), max(self.samples[name])

    def ratio(self, peer: str, ours: str = OURS) -> float:
        """The time of the peer relative to ours: the median of the ratios of the rounds."""
        pairs = zip(self.samples[peer], self.samples[ours], strict=True)
        return median(theirs / own for theirs, own in pairs)

    def best_ratio(self, peers: tuple[str, ...], ours: str = OURS) -> float | None:
        """The same for the fastest of these peers, if measured."""
        if ours not in self.samples:
            return None
        return min((self.ratio(peer, ours) for peer in peers if peer in self.samples), default=None)

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        found = dataclasses.asdict(self)
        found["shape"] = dataclasses.asdict(self.shape) if self.shape else None
        found["median"] = {name: self.median(name) for name in self.samples}
        return found


def from_plain(data: dict[str, Any]) -> Record:
    """Back from JSON."""
    shape = Shape(**data["shape"]) if data["shape"] else None
    kept = {f.name: data[f.name] for f in dataclasses.fields(Record) if f.name != "shape"}
    return Record(shape=shape, **kept)
