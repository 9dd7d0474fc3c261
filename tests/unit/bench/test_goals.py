"""Figures are the least, the most or the geometric mean, over the right records."""

from tests.tolerances import FLOAT64, assert_agrees
from unrolled.bench.contestant import OURS
from unrolled.bench.goals import GOALS, Figure, figures
from unrolled.bench.problem import Shape
from unrolled.bench.record import Record
from unrolled.bench.suites import SUITES


def training(suite: str, cell: str, hidden: int, **seconds: float) -> Record:
    names = {"ours": OURS, "nn": "torch.nn", "onnx": "ONNX Runtime", "loop": "Python loop"}
    samples = {names[name]: [value] for name, value in seconds.items()}
    return Record(suite, cell, Shape(8, 2, 3, hidden), samples=samples)


def found(records: list[Record]) -> dict[tuple[str, str], Figure]:
    return {(f.goal.what, f.goal.of): f for f in figures(records)}


def test_least_and_mean_of_the_lstm_leave_the_others_out() -> None:
    by = found(
        [
            training("training", "LSTM", 4, ours=1, nn=2),
            training("training", "LSTM", 4, ours=2, nn=1),
            training("training", "GRU", 4, ours=1, nn=9),
        ]
    )
    assert by["LSTM, over torch.nn", "least"].value == 0.5
    assert_agrees(by["LSTM, over torch.nn", "mean"].value, 1.0, tolerance=FLOAT64)
    assert by["LSTM, over torch.nn", "least"].records == 2
    assert_agrees(by["GRU, Elman, over torch.nn", "mean"].value, 9.0, tolerance=FLOAT64)
    assert not by["LSTM, over torch.nn", "least"].plain()["reached"]
    assert by["GRU, Elman, over torch.nn", "mean"].plain()["reached"]


def test_inference_is_held_against_the_faster_peer() -> None:
    by = found([training("inference", "GRU", 4, ours=1, nn=3, onnx=2)])
    assert by["over the faster of the two", "least"].value == 2


def test_ragged_bounds_depend_on_the_hidden_size() -> None:
    by = found([training("ragged", "GRU", 512, ours=1, nn=3), training("ragged", "GRU", 513,
                ours=1, nn=1.6)])  # fmt: skip
    assert by["H to 512, over torch.nn", "least"].value == 3
    assert by["H above 512, over torch.nn", "least"].value == 1.6


def test_what_must_stay_below_is_judged_so() -> None:
    peephole = Record("peephole", "PeepholeLSTM", Shape(1, 1, 1, 1),
                      samples={"PeepholeLSTM": [1.2], "LSTM": [1.0]})  # fmt: skip
    (figure,) = figures([peephole])
    assert figure.value == 1.2
    assert not figure.plain()["reached"]


def test_the_rate_is_a_share_of_the_yardsticks() -> None:
    record = training("rate", "LSTM", 512, ours=4.0)
    record.samples["torch.mm"] = [1.0]
    record.facts["products"] = {OURS: 300, "torch.mm": 100}
    (figure,) = figures([record])
    assert figure.value == 0.75


def test_memory_and_time_of_a_long_sequence_are_apart() -> None:
    shape = Shape(1, 100, 64, 64)
    time = Record("recompute", "LSTM", shape, samples={"whole": [2.0], "recompute": [3.0]})
    amounts = {"whole": [9.0], "recompute": [1.0], "whole, a hundredth": [2.0]}
    memory = Record("recompute", "LSTM", shape, unit="MiB", samples=amounts)
    assert [figure.value for figure in figures([time, memory])] == [1.5, 0.5]


def test_bfloat16_is_compared_by_work_and_with_the_peak() -> None:
    record = training("bfloat16", "LSTM", 512, ours=2.0)
    record.samples |= {"torch.nn": [3.0], "unrolled float32": [4.0]}
    record.facts |= {"work": "training", "peak": {"float32": 100.0},
                     "products": {OURS: 100, "unrolled float32": 200}}  # fmt: skip
    found = {(f.goal.what, f.goal.of): f.value for f in figures([record])}
    assert found["training LSTM, over torch.nn", "least"] == 1.5
    assert found["training LSTM, over float32", "mean"] == 2.0
    assert found["training, share of the float32 peak", "least"] == 0.5
    assert len(found) == 5  # no bfloat16 instruction here, no inference, no other cell
    record.facts["peak"]["bfloat16"] = 200.0
    (share,) = (f for f in figures([record]) if "bfloat16 peak" in f.goal.what)
    assert share.value == 0.25
    record.facts["work"] = "inference"
    assert {f.goal.what for f in figures([record])} == {"inference LSTM, over torch.nn"}


def test_what_did_not_agree_counts_nowhere() -> None:
    broken = Record("training", "LSTM", Shape(1, 1, 1, 1), disagreement="y differs")
    assert figures([broken]) == []


def test_goals_name_suites_that_exist() -> None:
    assert {goal.suite for goal in GOALS} <= set(SUITES)
