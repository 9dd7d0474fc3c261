"""A forecaster as one ONNX graph says what the forecaster says, from values to quantiles."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import unrolled
from tests.tolerances import FIGURE, assert_agrees
from unrolled import Forecaster
from unrolled.data.windows import prepare
from unrolled.errors import ArgumentError
from unrolled.tasks.forecast.calibration import shifted

pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


def wave(length: int, seed: int = 0) -> Any:
    generator = np.random.default_rng(seed)
    return 20 + 5 * np.sin(np.arange(length) / 2) + generator.normal(size=length)


def asked(path: Path, given: dict[str, Any]) -> Any:
    run = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (found,) = run.run(None, given)
    return found


def expected(model: Forecaster, values: Any) -> Any:
    """The network's own forecast of a new series, set right as on the validation part."""
    (series,) = model._series(values)
    one = prepare(series, model.layout_)
    said = model._roller().forecast(one, np.array([len(one) - 1]))
    return shifted(said, model.calibration_.shift, one.scale.unit, model._levels())[0]


@pytest.mark.parametrize(
    "options",
    [
        {"validation": 0.0, "season": 7},
        {"validation": 0.3, "cell": "mgu", "layers": 2, "quantiles": (0.05, 0.2, 0.5, 0.95)},
        {"validation": 0.3, "horizon": 9, "season": 4, "cell": "slstm"},
    ],
    ids=str,
)
def test_values_to_quantiles(tmp_path: Path, options: dict[str, Any]) -> None:
    settings = {"horizon": 5, "hidden": 4, "epochs": 2, "calendar": False}
    model = Forecaster(**{**settings, "shared": False, **options}).fit(wave(150))
    assert not model.layout_.told
    unrolled.export(model, tmp_path / "waves.onnx")
    for values in (wave(60, 1), wave(6, 2), np.full(30, 2.0)):
        found = asked(tmp_path / "waves.onnx", {"values": values})
        assert_agrees(found, expected(model, values), tolerance=FIGURE)


def test_without_calibration_it_is_the_forecast(tmp_path: Path) -> None:
    model = Forecaster(horizon=3, hidden=4, epochs=1, validation=0.0, calendar=False)
    model.fit(wave(80))
    unrolled.export(model, tmp_path / "waves.onnx")
    (forecast,) = model.forecast(wave(40, 3))
    found = asked(tmp_path / "waves.onnx", {"values": wave(40, 3)})
    assert_agrees(found, expected(model, wave(40, 3)), tolerance=FIGURE)
    assert found.shape == forecast.quantiles.shape


def test_what_a_forecaster_cannot_become_is_said(tmp_path: Path) -> None:
    settings = {"horizon": 2, "hidden": 2, "epochs": 1, "validation": 0.0}
    fed_back = Forecaster(mode="fed-back", **settings).fit(wave(40))
    with pytest.raises(ArgumentError, match="mode='fed-back' draws sample paths"):
        unrolled.export(fed_back, tmp_path / "waves.onnx")
    direct = Forecaster(**settings, shared=False).fit(wave(40))
    with pytest.raises(ArgumentError, match="its recurrent layers can be"):
        unrolled.export(direct, tmp_path / "waves.c")


def test_a_forecast_that_is_shared_is_not_exported(tmp_path: Path) -> None:
    model = Forecaster(horizon=3, hidden=4, epochs=1, calendar=False).fit(wave(150))
    share = model.shares_.share
    share[:, 0], share[:, 2] = 0.5, 0.5
    with pytest.raises(ArgumentError, match="--no-shared"):
        unrolled.export(model, tmp_path / "shared.onnx")
