"""A contest compares before it times, and names whom it leaves out."""

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from unrolled.bench import contest, peers
from unrolled.bench.contest import Settings, against, hold
from unrolled.bench.contestant import OURS, Contestant
from unrolled.bench.problem import Problem, Shape

SHAPE = Shape(2, 3, 4, 5)
FAST = Settings(rounds=2, least=0.0, threads=1)
Y = np.ones((3, 2, 5), np.float32)


def maker(y: Any, runs: list[int] | None = None) -> Any:
    count = runs if runs is not None else []
    return lambda: Contestant(lambda: count.append(1), lambda: {"y": y})


def test_those_who_agree_are_timed() -> None:
    record = hold(FAST, "training", "LSTM", SHAPE, {"a": maker(Y), "b": maker(Y)})
    assert {name: len(times) for name, times in record.samples.items()} == {"a": 2, "b": 2}
    assert record.parity == {"b": 0.0}
    assert record.disagreement is None


def test_who_disagrees_is_not_timed() -> None:
    runs: list[int] = []
    record = hold(FAST, "training", "LSTM", SHAPE, {"a": maker(Y, runs), "b": maker(2 * Y, runs)})
    assert record.samples == {}
    assert runs == []
    assert record.disagreement == (
        "training, LSTM B2 T3 I4 H5: y of b differs from that of a by 1 of its largest number; "
        "0.0002 is allowed"
    )


def test_a_yardstick_is_timed_but_not_compared() -> None:
    yardstick = Contestant(lambda: None, None)
    record = hold(FAST, "rate", "LSTM", SHAPE, {"a": maker(Y), "torch.mm": lambda: yardstick})
    assert set(record.samples) == {"a", "torch.mm"}


def test_different_problems_have_references_of_their_own() -> None:
    both = {"a": maker(Y), "b": maker(2 * Y)}
    right = hold(FAST, "peephole", "LSTM", SHAPE, both, references=both)
    assert right.parity == {"a": 0.0, "b": 0.0}
    assert set(right.samples) == {"a", "b"}
    swapped = {"a": both["b"], "b": both["a"]}
    wrong = hold(FAST, "peephole", "LSTM", SHAPE, both, references=swapped)
    assert wrong.disagreement is not None
    assert wrong.samples == {}


def test_a_peer_that_is_not_installed_is_left_out_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "find_spec", lambda name: find_spec(name) if name != "jax" else None)
    problem = Problem("LiGRU", SHAPE)
    names = ("Python loop", "JAX lax.scan")
    own = {OURS: lambda: peers.maker("Python loop", "training")(problem, 1)}
    record = against(FAST, "own-cells", "training", problem, names, own)
    assert set(record.samples) == {"Python loop", OURS}
    assert record.left_out == {
        "JAX lax.scan": "jax not installed: `pip install 'unrolled[bench]'` installs it"
    }


def test_cells_are_chosen_from_those_that_a_suite_has() -> None:
    settings = Settings(cells=("GRU", "SLSTM"), shapes=(SHAPE,))
    assert [str(p) for p in settings.problems(("LSTM", "GRU"))] == ["GRU B2 T3 I4 H5"]
    assert contest.Settings().chosen(("LSTM", "GRU")) == ["LSTM", "GRU"]
