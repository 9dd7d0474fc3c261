"""Goals and results. In: records. Out: figures with their goals; next: `tables`.

Nothing here affects the exit status: a figure short of its goal is only printed as such.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import geometric_mean
from typing import Any

from unrolled.bench.contestant import FIXED, IN_PLACE, OURS
from unrolled.bench.record import Record

Value = Callable[[Record], float | None]  # None: this record has nothing to say

REDUCE: dict[str, Callable[[Iterable[float]], float]] = {
    "least": min,
    "most": max,
    "mean": geometric_mean,
}


@dataclass(frozen=True)
class Goal:
    """A bound on the least, the most or the geometric mean of a value over a suite's records."""

    suite: str
    what: str
    of: str  # "least", "most" or "mean"
    bound: float
    value: Value
    unit: str = "x"

    def reached(self, figure: float) -> bool:
        return figure <= self.bound if self.of == "most" else figure >= self.bound


@dataclass(frozen=True)
class Figure:
    """A goal, the result, and the number of records."""

    goal: Goal
    value: float
    records: int

    def plain(self) -> dict[str, Any]:
        goal = self.goal
        return {
            "suite": goal.suite, "what": goal.what, "of": goal.of, "goal": goal.bound,
            "unit": goal.unit, "value": self.value, "reached": goal.reached(self.value),
            "records": self.records,
        }  # fmt: skip


def figures(records: Iterable[Record]) -> list[Figure]:
    """Every goal for which something was measured."""
    records, found = list(records), []
    for goal in GOALS:
        values = [goal.value(r) for r in records if r.suite == goal.suite and r.samples]
        known = [value for value in values if value is not None]
        if known:
            found.append(Figure(goal, REDUCE[goal.of](known), len(known)))
    return found


def speedup(
    *peers: str,
    cells: tuple[str, ...] = (),
    hidden: tuple[int, int] = (0, 1 << 30),
    ours: str = OURS,
) -> Value:
    """How many times as long the fastest of these peers takes as ours."""

    def value(record: Record) -> float | None:
        size = record.shape.H if record.shape else 0
        if (cells and record.cell not in cells) or not hidden[0] <= size <= hidden[1]:
            return None
        return record.best_ratio(peers, ours)

    return value


def times(long: str, short: str, unit: str = "s") -> Value:
    """How many times as much one contestant takes as another."""

    def value(record: Record) -> float | None:
        known = long in record.samples and short in record.samples and record.unit == unit
        return record.ratio(long, short) if known else None

    return value


def longest(names: tuple[str, ...], short: str = "LSTM", least_hidden: int = 128) -> Value:
    """How many times as much the slowest of these contestants takes as another, in large layers."""

    def value(record: Record) -> float | None:
        if record.shape is None or record.shape.H < least_hidden:
            return None
        known = [record.ratio(name, short) for name in names if name in record.samples]
        return max(known) if known and short in record.samples else None

    return value


def seconds(which: str, cells: tuple[str, ...] = ()) -> Value:
    def value(record: Record) -> float | None:
        return record.median(which) if not cells or record.cell in cells else None

    return value


def share_of_rate(record: Record) -> float | None:
    """Our products per second relative to those of the yardstick, round by round."""
    done = record.facts["products"]
    rate: float = record.ratio("torch.mm") * done[OURS] / done["torch.mm"]
    return rate


def of_work(work: str, value: Value) -> Value:
    """The value of records of a training step, or of inference."""
    return lambda record: value(record) if record.facts.get("work") == work else None


def share_of_peak(name: str, kind: str) -> Value:
    """One contestant's products a second over what the processor can do in this precision, from
    H 512 on; nothing where it has no instruction for it."""

    def value(record: Record) -> float | None:
        limit = record.facts.get("peak", {}).get(kind)
        if limit is None or record.shape is None or record.shape.H < 512:
            return None
        rate: float = record.facts["products"][name] / record.median(name)
        share: float = rate / limit
        return share

    return value


SMALL = ("Elman", "GRU")
NORMS = ("LayerNorm", "RMSNorm")
MODIFIED = ("CoupledGates", "GradientBound", "VariationalDropout", "WeightDrop", "RecurrentDropout",
            "Zoneout")  # fmt: skip
WIDE, NN = f"{OURS} float32", "torch.nn"
HALF_TRAINING = of_work("training", speedup(NN, cells=("LSTM",)))
HALF_SMALL = of_work("training", speedup(NN, cells=SMALL))
HALF_GAIN = of_work("training", speedup(WIDE, cells=("LSTM",)))
HALF_INFERENCE = of_work("inference", speedup(NN, cells=("LSTM",)))
RUNTIMES = ("torch.nn", "ONNX Runtime")
MINE = "over the Python loop"

FASTER = speedup(*RUNTIMES)

GOALS = (
    Goal("training", "LSTM, over torch.nn", "least", 1.0, speedup("torch.nn", cells=("LSTM",))),
    Goal("training", "LSTM, over torch.nn", "mean", 1.6, speedup("torch.nn", cells=("LSTM",))),
    Goal("training", "GRU, Elman, over torch.nn", "least", 1.05, speedup("torch.nn", cells=SMALL)),
    Goal("training", "GRU, Elman, over torch.nn", "mean", 3.5, speedup("torch.nn", cells=SMALL)),
    Goal("inference", "over the faster of the two", "least", 1.0, FASTER),
    Goal("inference", "over the faster of the two", "mean", 1.3, FASTER),
    Goal("inference", "the same, with fixed weights", "least", 1.0,
         speedup(*RUNTIMES, ours=FIXED)),
    Goal("ragged", "H to 512, over torch.nn", "least", 2.0, speedup("torch.nn", hidden=(0, 512))),
    Goal("ragged", "H above 512, over torch.nn", "least", 1.5,
         speedup("torch.nn", hidden=(513, 1 << 30))),
    Goal("ragged", "over torch.nn", "mean", 4.0, speedup("torch.nn")),
    Goal("own-cells", MINE, "least", 2.0, speedup("Python loop")),
    Goal("own-cells", MINE, "mean", 10.0, speedup("Python loop")),
    Goal("own-cells", "over lax.scan", "least", 1.3, speedup("JAX lax.scan")),
    Goal("own-cells", "over lax.scan", "mean", 2.0, speedup("JAX lax.scan")),
    Goal("stream", "H = 64, over ONNX Runtime", "mean", 5.0,
         speedup("ONNX Runtime", hidden=(64, 64))),
    Goal("stream", "the same, both in place", "mean", 5.0,
         speedup("ONNX Runtime, bound", hidden=(64, 64), ours=IN_PLACE)),
    Goal("peephole", "the LSTM's time", "most", 1.15, times("PeepholeLSTM", "LSTM")),
    Goal("modifiers", "the LSTM's time, without norms", "most", 1.15, longest(MODIFIED)),
    Goal("modifiers", "the LSTM's time, with a norm", "most", 1.5, longest(NORMS)),
    Goal("modifiers", "the LSTM's time, with heads=4", "most", 0.45,
         longest(("Heads",), least_hidden=512)),
    Goal("rate", "of torch.mm's rate", "least", 0.8, share_of_rate),
    Goal("compiling", "the LSTM, empty cache", "most", 0.5, seconds("empty cache", ("LSTM",)), "s"),
    Goal("compiling", "any cell, empty cache", "most", 1.0, seconds("empty cache"), "s"),
    Goal("compiling", "any cell, from the cache", "most", 0.05, seconds("from the cache"), "s"),
    Goal("recompute", "the time of keeping everything", "most", 1.6, times("recompute", "whole")),
    Goal("recompute", "the memory of a hundredth kept whole", "most", 1.0,
         times("recompute", "whole, a hundredth", "MiB")),
    Goal("text", "an epoch, over torch.nn", "least", 2.0, speedup("torch.nn")),
    Goal("bfloat16", "training LSTM, over torch.nn", "least", 1.15, HALF_TRAINING),
    Goal("bfloat16", "training LSTM, over torch.nn", "mean", 1.4, HALF_TRAINING),
    Goal("bfloat16", "training LSTM, over float32", "least", 1.4, HALF_GAIN),
    Goal("bfloat16", "training LSTM, over float32", "mean", 1.6, HALF_GAIN),
    Goal("bfloat16", "training GRU, Elman, over torch.nn", "least", 1.3, HALF_SMALL),
    Goal("bfloat16", "training GRU, Elman, over torch.nn", "mean", 2.0, HALF_SMALL),
    Goal("bfloat16", "inference LSTM, over torch.nn", "least", 0.95, HALF_INFERENCE),
    Goal("bfloat16", "inference LSTM, over torch.nn", "mean", 1.1, HALF_INFERENCE),
    Goal("bfloat16", "training, share of the float32 peak", "least", 0.85,
         of_work("training", share_of_peak(WIDE, "float32"))),
    Goal("bfloat16", "training, share of the bfloat16 peak", "least", 0.75,
         of_work("training", share_of_peak(OURS, "bfloat16"))),
    Goal("decode", "over a plain PyTorch decoder", "least", 2.0, speedup("PyTorch")),
)  # fmt: skip
