"""Layers inside programs of torch's: torch.export, saved and loaded elsewhere, torch.jit.trace."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.export import Dim

import unrolled
from tests.tolerances import EXACT, FLOAT32, assert_agrees
from unrolled import cells
from unrolled.errors import ArgumentError

I, H = 3, 5
MODELS = {
    "drop-in": lambda: unrolled.LSTM(I, H, num_layers=2),
    "cell": lambda: unrolled.Recurrent(cells.AntisymmetricRNN, I, H),
}


class Model(nn.Module):
    def __init__(self, rnn: nn.Module) -> None:
        super().__init__()
        self.rnn = rnn
        self.head = nn.Linear(H, 2)

    def forward(self, x: Tensor) -> Any:
        return self.head(self.rnn(x)[0])


def exported(model: nn.Module, *, strict: bool) -> torch.export.ExportedProgram:
    shapes = ({0: Dim("T"), 1: Dim("B")},)
    return torch.export.export(model, (torch.randn(7, 4, I),), dynamic_shapes=shapes, strict=strict)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("strict", [False, True])
def test_an_exported_program_takes_any_shape(name: str, strict: bool) -> None:
    model = Model(MODELS[name]()).eval()
    program = exported(model, strict=strict)
    x = torch.randn(9, 6, I)
    assert_agrees(program.module()(x), model(x), tolerance=EXACT)


@pytest.mark.exhaustive
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_saved_program_runs_in_another_process(tmp_path: Path) -> None:
    model = Model(MODELS["drop-in"]()).eval()
    torch.export.save(exported(model, strict=False), tmp_path / "program.pt2")
    x = torch.randn(9, 6, I)
    torch.save((x, model(x)), tmp_path / "expected.pt")
    script = (
        "import torch\n"
        "from unrolled import LSTM\n"
        "x, y = torch.load('expected.pt')\n"
        "assert torch.equal(torch.export.load('program.pt2').module()(x), y)\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:Exporting a model to ONNX with a batch_size:UserWarning")
def test_an_onnx_file_of_torchs_own_exporter(kind: str, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    model, path = Model(getattr(unrolled, kind)(I, H)).eval(), tmp_path / "model.onnx"
    torch.onnx.export(model, (torch.randn(7, 4, I),), path, dynamo=False, input_names=["x"],
                      dynamic_axes={"x": {0: "T", 1: "B"}})  # fmt: skip
    x = torch.randn(9, 6, I)
    (found,) = runtime.InferenceSession(path).run(None, {"x": x.numpy()})
    assert_agrees(torch.from_numpy(found), model(x), tolerance=FLOAT32)


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore::DeprecationWarning")
def test_an_onnx_file_of_a_cell_by_torchs_exporter(tmp_path: Path) -> None:
    """T is the example's."""
    runtime = pytest.importorskip("onnxruntime")
    layer = unrolled.Recurrent(cells.AntisymmetricRNN, I, H, bidirectional=True).eval()
    path, x = tmp_path / "layer.onnx", torch.randn(4, 2, I)
    torch.onnx.export(layer, (x,), path, dynamo=False, input_names=["x"],
                      dynamic_axes={"x": {1: "B"}})  # fmt: skip
    x = torch.randn(4, 6, I)
    found, states = runtime.InferenceSession(path).run(None, {"x": x.numpy()})
    y, h = layer(x)
    assert_agrees(torch.from_numpy(found), y, tolerance=FLOAT32)
    assert_agrees(torch.from_numpy(states), h, tolerance=FLOAT32)


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore::DeprecationWarning")
def test_lengths_of_an_example_are_not_written(tmp_path: Path) -> None:
    class Ragged(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = unrolled.Recurrent(cells.GRU, I, H)

        def forward(self, x: Tensor, lengths: Tensor) -> Any:
            return self.rnn(x, lengths=lengths)[0]

    given = torch.randn(4, 2, I), torch.tensor([4, 2])
    with pytest.raises(ArgumentError, match=r"use unrolled\.export"):
        torch.onnx.export(Ragged(), given, tmp_path / "layer.onnx", dynamo=False)


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore::DeprecationWarning")
def test_a_traced_program_takes_any_shape() -> None:
    model = Model(MODELS["drop-in"]()).eval()
    traced = torch.jit.trace(model, (torch.randn(7, 4, I),))
    x = torch.randn(9, 6, I)
    assert_agrees(traced(x), model(x), tolerance=EXACT)
