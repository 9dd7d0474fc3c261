"""Inputs by name are inputs of an export: C, JavaScript and ONNX agree with the layer."""

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import unrolled
from tests.exported import CELLS, layer_of
from tests.tolerances import C_STEP, FLOAT32, FLOAT64, assert_agrees
from tests.unit.exports.test_c import SANITIZERS, STRICT, need, outputs_of
from tests.unit.exports.test_javascript import need_node
from unrolled import Cell, exp, tanh, where
from unrolled.errors import ArgumentError
from unrolled.exports.network import network_of


class Leaking(Cell):
    """Needs the time that has passed, and is told what to trust; names that C and ONNX have."""

    sizes = {"dt": "1", "y": "input_size"}

    def step(self, x, h, *, dt, y=1.0):  # type: ignore[no-untyped-def]
        seen = where(y > 0.5, x, 0.0)
        kept = exp(-(self.rate**2) * dt)
        return kept * h + (1 - kept) * tanh(self.W @ seen + self.U @ h + self.V @ y)


NAMES: dict[str, tuple[str, ...]] = {
    "cfc": ("dt",), "ltc": ("dt",), "phasedlstm": ("dt",), "grud": ("mask", "delta"),
    "leaking": ("dt", "y"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def own_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CELLS, "leaking", Leaking)


def given_to(layer: Any, names: tuple[str, ...], steps: int, batch: int = 1) -> dict[str, Any]:
    """Random values; those of a mask are 0 and 1."""
    random = np.random.default_rng(2)
    widths = network_of(layer, names).named
    found = {}
    for name in names:
        value = random.uniform(0.1, 2.0, size=(steps, batch, widths[name]))
        found[name] = np.round(value / 2) if name in ("mask", "y") else value
    return found


def layer_and_answer(
    name: str, batch: int = 1, **options: Any
) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """A layer, what it is given, and what it answers."""
    layer = layer_of(name, **{"num_layers": 1, **options})
    dtype = next(layer.parameters()).dtype
    steps = 5
    x = torch.randn(steps, batch, 3, generator=torch.Generator().manual_seed(1)).to(dtype)
    named = given_to(layer, NAMES[name], steps, batch)
    inputs = {"x": x} | {n: torch.from_numpy(v).to(dtype) for n, v in named.items()}
    with torch.no_grad():
        first, *others = inputs.values()
        y, last = layer(first, **dict(zip(NAMES[name], others, strict=True)))
    last = (last,) if isinstance(last, torch.Tensor) else last
    states = dict(zip(layer.equation.states, last, strict=True))
    return layer, {n: v.numpy() for n, v in inputs.items()}, {"y": y.numpy(), **states}


def test_c(tmp_path: Path) -> None:
    need("gcc")
    networks, inputs, named, expected = {}, {}, {}, {}
    for name, names in NAMES.items():
        layer, given, answer = layer_and_answer(name)
        networks[name] = network_of(layer, names)
        inputs[name] = given.pop("x")[:, 0]
        called = {"y": "y_2"} if name == "leaking" else {}  # y is what a step writes
        named[name] = {called.get(n, n): v[:, 0] for n, v in given.items()}
        expected[name] = answer["y"][:, 0]
    compiler = ("gcc", "-O0", *SANITIZERS, *STRICT)
    found = outputs_of(tmp_path, networks, inputs, compiler, named=named)
    for name, ys in expected.items():
        assert_agrees(found[name], ys, tolerance=C_STEP, name=name)


RUN = """
import fs from "node:fs";
const given = JSON.parse(fs.readFileSync("given.json"));
const results = {};
for (const [name, { xs, named, d }] of Object.entries(given)) {
  const { forward, backward, firstStates } = await import(`./${name}.mjs`);
  const { outputs, trace } = forward(xs, firstStates(), named);
  const back = backward(trace, d);
  results[name] = { y: outputs.map(y => Array.from(y)), x: back.inputs.map(v => Array.from(v)) };
  for (const key in named) results[name][key] = back.named[key].map(v => Array.from(v));
}
fs.writeFileSync("results.json", JSON.stringify(results));
"""


def test_javascript_forward_and_backward(tmp_path: Path) -> None:
    need_node()
    work, expected = {}, {}
    for name, names in NAMES.items():
        options = {"dtype": torch.float64, "engine": "torch"}
        layer, given, _ = layer_and_answer(name, **options)
        unrolled.export(layer, tmp_path / f"{name}.mjs", inputs=names)
        tensors = {n: torch.from_numpy(v).requires_grad_() for n, v in given.items()}
        x, *others = tensors.values()
        y, _ = layer(x, **dict(zip(names, others, strict=True)))
        d = torch.randn_like(y)
        y.backward(d)
        found = {"y": y} | {n: torch.zeros_like(t) if t.grad is None else t.grad
                            for n, t in tensors.items()}  # fmt: skip
        expected[name] = {n: v.detach().numpy()[:, 0] for n, v in found.items()}
        work[name] = {"xs": given.pop("x")[:, 0].tolist(), "d": d[:, 0].tolist(),
                      "named": {n: v[:, 0].tolist() for n, v in given.items()}}  # fmt: skip
    (tmp_path / "given.json").write_text(json.dumps(work))
    (tmp_path / "run.mjs").write_text(RUN)
    subprocess.run(["node", "run.mjs"], cwd=tmp_path, check=True)
    results = json.loads((tmp_path / "results.json").read_text())
    for name, wanted in expected.items():
        for key, value in wanted.items():
            assert_agrees(np.array(results[name][key], float), value, tolerance=FLOAT64,
                          name=f"{name} {key}")  # fmt: skip


def test_javascript_has_defaults_and_names_what_is_missing(tmp_path: Path) -> None:
    need_node()
    unrolled.export(Leaking(2, 3, seed=0), tmp_path / "net.mjs", inputs=["y"])
    script = (
        'import { forward, firstStates } from "./net.mjs";'
        "const at = named => forward([[1, 2]], firstStates(), named).outputs[0].join();"
        "console.log(at({ dt: 1 }) === at({ dt: [1], y: [[1, 1]] }));"
        "for (const wrong of [{}, { dt: [[1, 2]] }]) {"
        "  try { at(wrong); } catch (error) { console.log(error.message); } }"
    )
    command = ["node", "--input-type=module", "-e", script]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "true", "the cell needs dt at each step", "dt has 1 numbers a step"
    ]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_onnx(tmp_path: Path, name: str) -> None:
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    layer, given, answer = layer_and_answer(name, batch=2)
    unrolled.export(layer, tmp_path / "net.onnx", inputs=NAMES[name])
    states = {
        f"{n}_0": np.full(s.shape, layer.equation.initial_state.get(n, 0.0), np.float32)
        for n, s in answer.items() if n != "y"
    }  # fmt: skip
    whole = runtime.InferenceSession(str(tmp_path / "net.onnx"))
    found = whole.run(None, given | states)
    for value, wanted in zip(found, answer.values(), strict=True):
        assert_agrees(value, wanted, tolerance=FLOAT32, name=name)
    step = runtime.InferenceSession(str(tmp_path / "net.step.onnx"))
    for t, wanted in enumerate(answer["y"]):
        y, *last = step.run(None, {n: v[t] for n, v in given.items()} | states)
        states = dict(zip(states, last, strict=True))
        assert_agrees(y, wanted, tolerance=FLOAT32, name=name)


def test_both_directions_in_onnx_with_lengths(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    options = {"num_layers": 2, "bidirectional": True, "batch_first": True}
    layer = layer_of("cfc", **options)
    unrolled.export(layer, tmp_path / "net.onnx", inputs=["dt"], lengths=True)
    x, dt = torch.randn(2, 4, 3), torch.rand(2, 4, 1)
    with torch.no_grad():
        wanted, last = layer(x, lengths=[4, 2], dt=dt)
    session = runtime.InferenceSession(str(tmp_path / "net.onnx"))
    start = np.zeros(last.shape, np.float32)
    lengths = np.array([4, 2], np.int64)
    found = session.run(None, {"x": x.numpy(), "dt": dt.numpy(), "h_0": start, "lengths": lengths})
    for value, expected in zip(found, (wanted, last), strict=True):
        assert_agrees(value, expected, tolerance=FLOAT32)


def test_defaults_stay_where_nothing_is_asked(tmp_path: Path) -> None:
    assert network_of(CELLS["cfc"](2, 3, seed=0)).named == {}
    assert network_of(Leaking(2, 3, seed=0)).named == {"dt": 1}
    done = unrolled.export(Leaking(2, 3, seed=0), tmp_path / "net.c", int8=True)
    assert "(dt uniform between 0 and 1)" in str(done)
    with pytest.raises(ArgumentError, match="CfC has no input 'time': its named inputs are dt"):
        unrolled.export(CELLS["cfc"](2, 3, seed=0), tmp_path / "net.js", inputs=["time"])
    with pytest.raises(ArgumentError, match="has no input 'dt': it has no named inputs"):
        unrolled.export(CELLS["gru"](2, 3, seed=0), tmp_path / "net.js", inputs=["dt"])
