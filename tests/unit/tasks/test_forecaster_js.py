"""A forecaster as a JavaScript module forecasts as the forecaster does, in Node."""

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import unrolled
from tests.served import seasonal
from tests.tolerances import FIGURE, assert_agrees
from unrolled import Forecaster
from unrolled.errors import ArgumentError

SMALL = {"horizon": 3, "epochs": 1, "hidden": 4, "season": 4}


def in_node(module: Path, call: str) -> Any:
    node = shutil.which("node")
    if node is None:
        pytest.skip("not installed: node")
    script = (
        f"import * as m from {json.dumps(str(module))};"
        "const said = f => { try { return f(); } catch (error) { return error.message; } };"
        f"console.log(JSON.stringify(said(() => {call})));"
    )
    command = [node, "--input-type=module", "-e", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout)


@pytest.mark.parametrize("int8", [False, True])
def test_it_forecasts_as_the_forecaster(tmp_path: Path, int8: bool) -> None:
    past = seasonal(60)
    model = Forecaster(**SMALL).fit([past, past[::-1].copy()])
    done = unrolled.export(model, tmp_path / "sales.mjs", int8=int8)
    assert ("int8 weights move a forecast" in str(done)) == int8
    if int8:
        return
    after = np.array(in_node(tmp_path / "sales.mjs", "m.forecastAfter([], 1)"))
    assert_agrees(after, model.forecast()[1].quantiles, tolerance=FIGURE)
    more = [9.0, 11.5, 10.0]
    longer = [np.concatenate([past, more]), past[::-1].copy()]
    after = np.array(in_node(tmp_path / "sales.mjs", f"m.forecastAfter({more})"))
    assert_agrees(after, model.forecast(longer)[0].quantiles, tolerance=FIGURE)
    refused = in_node(tmp_path / "sales.mjs", f"m.forecastAfter({[1.0] * 1001})")
    assert "at most 1000 new values" in refused
    refused = in_node(tmp_path / "sales.mjs", "m.forecastOf([1])")
    assert "two values or more" in refused


def test_intervals_follow_the_latest_errors(tmp_path: Path) -> None:
    past = seasonal(200) + np.random.default_rng(0).normal(0, 0.3, 200)
    model = Forecaster(**SMALL).fit(past)
    found = model.calibration_  # where the latest errors are too few
    model.calibration_ = replace(found, shift=found.shift + np.array([-5.0, 0.0, 5.0]))
    unrolled.export(model, tmp_path / "sales.mjs")
    after = np.array(in_node(tmp_path / "sales.mjs", "m.forecastAfter([])"))
    expected = model.forecast()[0].quantiles
    assert np.ptp(expected[0]) < 0.5 * np.ptp(expected[2]), "the latest errors are not used"
    assert_agrees(after, expected, tolerance=FIGURE)


def test_a_series_that_it_has_not_seen(tmp_path: Path) -> None:
    model = Forecaster(**SMALL, shared=False).fit(seasonal(60))
    unrolled.export(model, tmp_path / "sales.mjs")
    own = np.random.default_rng(1).normal(5, 2, 30)
    found = np.array(in_node(tmp_path / "sales.mjs", f"m.forecastOf({own.tolist()})"))
    assert_agrees(found, model.forecast(own)[0].quantiles, tolerance=FIGURE)


def test_what_a_module_cannot_do_is_refused(tmp_path: Path) -> None:
    model = Forecaster(**SMALL, mode="fed-back", paths=3, validation=0.0).fit(seasonal(40))
    with pytest.raises(ArgumentError, match="draws sample paths, which a page cannot do"):
        unrolled.export(model, tmp_path / "sales.mjs")


def advice(model: Any, kind: str, folder: Path) -> str:
    with pytest.raises(ArgumentError) as refused:
        unrolled.export(model, folder / "sales", kind)
    return str(refused.value)


def test_a_refusal_names_what_would_work(tmp_path: Path) -> None:
    shared = Forecaster(**SMALL).fit(seasonal(60))
    assert "export it to html or js;" in advice(shared, "c", tmp_path)
    assert "or export it to html or js" in advice(shared, "onnx", tmp_path)
    shared.layout_ = replace(shared.layout_, known_means=(0.0,))
    assert "(--no-shared), and export it to onnx;" in advice(shared, "c", tmp_path)
    assert advice(shared, "onnx", tmp_path).endswith("(--no-shared)")
    alone = Forecaster(**SMALL, shared=False).fit(seasonal(60))
    assert "export it to html or js or onnx;" in advice(alone, "c", tmp_path)
    fed = Forecaster(**SMALL, mode="fed-back", paths=3, validation=0.0).fit(seasonal(40))
    assert "(--mode direct), and export it to html or js;" in advice(fed, "c", tmp_path)
