"""Ratios pair the rounds; records survive JSON."""

import json

from unrolled.bench.contestant import OURS
from unrolled.bench.problem import Shape
from unrolled.bench.record import Record, from_plain

RECORD = Record(
    "training",
    "LSTM",
    Shape(1, 2, 3, 4),
    samples={OURS: [1.0, 2.0, 4.0], "torch.nn": [3.0, 4.0, 4.0], "ONNX Runtime": [2.0, 1.0, 2.0]},
    parity={"torch.nn": 1e-7},
    left_out={"JAX lax.scan": "not installed"},
    others=0.25,
)


def test_a_ratio_compares_round_by_round() -> None:
    assert RECORD.ratio("torch.nn") == 2.0  # of 3, 2 and 1, not 4 / 2 of the medians by chance
    assert RECORD.ratio("ONNX Runtime") == 0.5
    assert RECORD.ratio(OURS, "torch.nn") == 0.5


def test_the_fastest_peer_counts() -> None:
    assert RECORD.best_ratio(("torch.nn", "ONNX Runtime")) == 0.5
    assert RECORD.best_ratio(("torch.nn", "JAX lax.scan")) == 2.0
    assert RECORD.best_ratio(("JAX lax.scan",)) is None
    assert RECORD.best_ratio(("torch.nn",), "ONNX Runtime") == 2.0
    assert RECORD.best_ratio(("torch.nn",), "JAX lax.scan") is None


def test_median_and_spread() -> None:
    assert RECORD.median(OURS) == 2.0
    assert RECORD.spread(OURS) == (1.0, 4.0)


def test_json_keeps_everything() -> None:
    assert from_plain(json.loads(json.dumps(RECORD.plain()))) == RECORD
    assert RECORD.plain()["median"][OURS] == 2.0
