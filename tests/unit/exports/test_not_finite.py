"""What is not finite in one part of a vector stays out of the other parts, as in the step."""

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import unrolled
from tests.tolerances import FLOAT32, FLOAT64, assert_agrees
from tests.unit.exports.test_c import STRICT, need, outputs_of
from tests.unit.exports.test_javascript import need_node
from unrolled import Cell, concat, exp, split, tanh
from unrolled.equations import interpret
from unrolled.exports.network import network_of

XS = np.array([[0.5, 0.5, 0.5], [400.0, 0.25, -1.0], [0.25, -0.5, 2.0]])


class Apart(Cell):
    """Two units become infinite, then NaN; three others, and what is read of them, never do."""

    sizes = {"h": "wild + hidden_size", "P": "wild", "g": "wild", "m": "hidden_size + wild"}
    wild = 2

    def step(self, x, h, m):  # type: ignore[no-untyped-def]
        first, calm = split(h, self.wild, self.hidden_size)
        kept, other = split(m, self.hidden_size, self.wild)
        wild = exp(self.P @ x) - 0.5 * first + other
        calm = tanh(self.W @ x + self.U @ calm) + 0.5 * kept
        return concat(wild, calm), concat(calm * kept + 1, wild - self.g)


def made() -> Apart:
    cell = Apart(3, 3, seed=0)
    cell.P = np.array([[4.0, 1.0, 1.0], [2.0, 1.0, 1.0]], np.float32)
    return cell


def expected(cell: Cell) -> interpret.InterpretedRun:
    weights = {name: value.astype(np.float64) for name, value in cell.weights.items()}
    with np.errstate(all="ignore"):
        return interpret.forward(unrolled.equation(cell), weights, XS, wild=2, input_size=3,
                                 hidden_size=3)  # fmt: skip


def kind_of(array: Any) -> Any:
    """Which numbers are finite, which are infinite, which are NaN."""
    return np.where(np.isnan(array), 2.0, np.where(np.isinf(array), np.sign(array), 0.0))


def agrees(found: Any, wanted: Any, tolerance: Any, name: str) -> None:
    assert_agrees(kind_of(found), kind_of(wanted), tolerance=tolerance, name=name)
    is_finite = np.isfinite(wanted)
    assert is_finite.any(axis=-1).all()
    assert not is_finite.all()
    assert_agrees(np.asarray(found)[is_finite], wanted[is_finite], tolerance=tolerance, name=name)


@pytest.mark.parametrize("libm", [True, False])
def test_c(tmp_path: Path, libm: bool) -> None:
    need("gcc")
    cell = made()
    found = outputs_of(tmp_path, {"net": network_of(cell)}, {"net": XS.astype(np.float32)},
                       ("gcc", "-O3", *STRICT), libm=libm)["net"]  # fmt: skip
    agrees(found, expected(cell).outputs.astype(np.float32), FLOAT32, "c")


def test_onnx(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    cell = made()
    unrolled.export(cell, tmp_path / "net.onnx")
    session = runtime.InferenceSession(str(tmp_path / "net.onnx"))
    states = {f"{name}_0": np.zeros((1, 1, 5)) for name in ("h", "m")}
    y, *_ = session.run(None, {"x": XS[:, None], **states})
    agrees(y[:, 0], expected(cell).outputs, FLOAT64, "onnx")


def test_javascript_forward_and_backward(tmp_path: Path) -> None:
    need_node()
    cell = made()
    unrolled.export(cell, tmp_path / "net.mjs")
    script = (
        'import { forward, backward } from "./net.mjs";'
        f"const {{ outputs, trace }} = forward({json.dumps(XS.tolist())});"
        "const d = backward(trace, outputs.map(() => [NaN, Infinity, 1, 2, 3]));"
        "const told = one => Array.from(one, String);"
        "console.log(JSON.stringify({ y: outputs.map(told), x: d.inputs.map(told),"
        " steps: d.steps[0][0].map(one => told(one.d_h_prev)) }));"
    )
    command = ["node", "--input-type=module", "-e", script]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    found = {
        name: np.array([[float(v.replace("Infinity", "inf")) for v in row] for row in rows])
        for name, rows in json.loads(done.stdout).items()
    }
    run = expected(cell)
    agrees(found["y"], run.outputs, FLOAT64, "y")
    with np.errstate(all="ignore"):
        back = interpret.backward(run, np.tile([np.nan, np.inf, 1.0, 2.0, 3.0], (3, 1)))
    wanted = np.array([one["d_h_prev"][:, 0] for one in back.steps])
    agrees(found["steps"], wanted, FLOAT64, "d_h_prev")
