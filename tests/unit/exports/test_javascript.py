"""A JavaScript module agrees with the layer in Node, forward and backward."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import unrolled
from tests.exported import CELLS, layer_of
from tests.tolerances import FLOAT64, assert_agrees

RUN = """
import fs from "node:fs";
const given = JSON.parse(fs.readFileSync("given.json"));
const results = {};
for (const [name, { xs, d_outputs, d_states }] of Object.entries(given)) {
  const module = await import(`./${name}.mjs`);
  const { outputs, states, trace } = module.forward(xs);
  const d = module.backward(trace, d_outputs, d_states);
  const plain = value => value instanceof Float64Array ? Array.from(value)
    : Array.isArray(value) ? value.map(plain)
    : Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plain(one)]));
  const { inputs, weights } = d;
  results[name] = plain({ outputs, states, inputs, d_states: d.states, weights });
}
fs.writeFileSync("results.json", JSON.stringify(results));
"""


def need_node() -> None:
    if shutil.which("node") is None:
        pytest.skip("not installed: node")


def tuple_of(states: Any) -> Any:
    return (states,) if isinstance(states, torch.Tensor) else states


def zeros(gradient: Any, like: Any) -> Any:
    """A gradient, also where nothing depends on the value."""
    return torch.zeros_like(like) if gradient is None else gradient


def by_place(layer: Any, arrays: Any) -> list[list[dict[str, list[float]]]]:
    """States (layers x directions, H) as the module has them: [layer][direction][name]."""
    names = list(layer.equation.states)
    count = layer.directions
    return [
        [
            {n: a[number * count + reverse].tolist() for n, a in zip(names, arrays, strict=True)}
            for reverse in range(count)
        ]
        for number in range(layer.num_layers)
    ]


def cases() -> dict[str, Any]:
    """Every cell in one direction and two layers, and some in both directions."""
    found = {}
    for number, name in enumerate(CELLS):
        found[f"net{number}"] = layer_of(name, num_layers=2, dtype=torch.float64, engine="torch")
    for name in ("lstm", "slstm", "fastgrnn"):
        found[f"both_{name}"] = layer_of(
            name, num_layers=2, bidirectional=True, dtype=torch.float64, engine="torch"
        )
    return found


def work_of(layer: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """What Node is given, and what it must find: outputs, states and all derivatives."""
    start = [torch.zeros_like(state) for state in tuple_of(zero_run(layer)[1])]
    for state, first in zip(start, layer.equation.states, strict=True):
        state.fill_(layer.equation.initial_state.get(first, 0.0)).requires_grad_()
    x = torch.randn(4, 1, layer.input_size, dtype=torch.float64, requires_grad=True)
    y, states = layer(x, tuple(start))
    last = tuple_of(states)
    d_y = torch.randn_like(y)
    d_last = [torch.randn_like(state) for state in last]
    torch.autograd.backward([y, *last], [d_y, *d_last])
    given = {
        "xs": x[:, 0].tolist(),
        "d_outputs": d_y[:, 0].tolist(),
        "d_states": by_place(layer, [d[:, 0].numpy() for d in d_last]),
    }
    expected = {
        "outputs": y[:, 0],
        "inputs": zeros(x.grad, x)[:, 0],
        "states": by_place(layer, [s[:, 0].detach().numpy() for s in last]),
        "d_states": by_place(layer, [zeros(s.grad, s)[:, 0].numpy() for s in start]),
    }
    return given, expected


def zero_run(layer: Any) -> Any:
    return layer(torch.zeros(1, 1, layer.input_size, dtype=torch.float64))


def agree(layer: Any, got: dict[str, Any], expected: dict[str, Any], name: str) -> None:
    for key in ("outputs", "inputs"):
        assert_agrees(np.array(got[key], float), expected[key], tolerance=FLOAT64, name=name)
    for key in ("states", "d_states"):
        for mine, theirs in zip(got[key], expected[key], strict=True):
            for one, other in zip(mine, theirs, strict=True):
                for state in other:
                    actual, wanted = np.array(one[state], float), np.array(other[state], float)
                    assert_agrees(actual, wanted, tolerance=FLOAT64, name=name)
    for full, parameter in layer.named_parameters():
        weight, number, reverse = parts(full)
        numbers = got["weights"][number][reverse][weight]
        actual = np.array(numbers, float).reshape(parameter.shape)
        wanted = zeros(parameter.grad, parameter)
        assert_agrees(actual, wanted, tolerance=FLOAT64, name=f"{name} {full}")


def test_every_cell_agrees_with_the_layer(tmp_path: Path) -> None:
    need_node()
    layers = cases()
    torch.manual_seed(5)
    work = {}
    for key, layer in layers.items():
        unrolled.export(layer, tmp_path / f"{key}.mjs")
        work[key] = work_of(layer)
    given = {key: one for key, (one, _) in work.items()}
    (tmp_path / "given.json").write_text(json.dumps(given))
    (tmp_path / "run.mjs").write_text(RUN)
    done = subprocess.run(
        ["node", "run.mjs"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[:3000]
    results = json.loads((tmp_path / "results.json").read_text())
    for key, layer in layers.items():
        agree(layer, results[key], work[key][1], f"{key} {layer.equation.name}")


def parts(full: str) -> tuple[str, int, int]:
    """W_i_l0_reverse: the weight, the layer, whether it reads backward."""
    base = full.removesuffix("_reverse")
    weight, _, number = base.rpartition("_l")
    return weight, int(number), int(base != full)


def test_weights_can_be_changed(tmp_path: Path) -> None:
    need_node()
    unrolled.export(unrolled.cells.Elman(2, 3, seed=0), tmp_path / "net.mjs")
    script = (
        'import { network, forward } from "./net.mjs";'
        "network.layers[0][0].weights.b.fill(20);"
        "console.log(forward([[0, 0]]).outputs[0].join());"
    )
    command = ["node", "--input-type=module", "-e", script]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1,1,1"
