"""Layers in two processes, wrapped for data that is spread over them, and sharded: gradients are
those of one process on the whole batch."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import unrolled
from tests.tolerances import FLOAT32, assert_agrees
from unrolled.cells import MGU

SCRIPT = """
import datetime, sys, warnings
sys.path.insert(0, sys.argv[3])
warnings.simplefilter("ignore")
import torch, torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

rank, folder = int(sys.argv[1]), sys.argv[2]
dist.init_process_group("gloo", f"file://{folder}/store", rank=rank, world_size=2,
                        timeout=datetime.timedelta(seconds=60))
model, x = torch.load(f"{folder}/given.pt", weights_only=False)
half = x[:, rank::2]
found = {}
whole = torch.nn.parallel.DistributedDataParallel(model)
whole(half).square().mean().backward()
found["ddp"] = [p.grad.clone() for p in model.parameters()]
model.zero_grad()
mesh = init_device_mesh("cpu", (2,))
for part in (*model, model):
    fully_shard(part, mesh=mesh)
model(half).square().mean().backward()
found["fsdp"] = [p.grad.full_tensor() for p in model.parameters()]
if rank == 0:
    torch.save(found, f"{folder}/found.pt")
dist.barrier()
dist.destroy_process_group()
"""


class First(nn.Module):
    """A layer's outputs without its states."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.layer(x)[0]
        return y


@pytest.mark.exhaustive
def test_gradients_of_two_processes(tmp_path: Path) -> None:
    model = nn.Sequential(
        First(unrolled.LSTM(3, 5, bidirectional=True)), First(unrolled.Recurrent(MGU, 10, 4))
    )
    x = torch.randn(4, 6, 3)
    torch.save((model, x), tmp_path / "given.pt")
    model(x).square().mean().backward()
    (tmp_path / "script.py").write_text(SCRIPT)
    root = Path(__file__).parents[3]
    started = [
        subprocess.Popen([sys.executable, tmp_path / "script.py", str(rank), tmp_path, root],
                         stderr=subprocess.PIPE, text=True)
        for rank in range(2)
    ]  # fmt: skip
    errors = [one.communicate(timeout=240)[1] for one in started]
    assert [one.returncode for one in started] == [0, 0], errors
    found = torch.load(tmp_path / "found.pt")
    for way in ("ddp", "fsdp"):
        for one, parameter in zip(found[way], model.parameters(), strict=True):
            assert_agrees(one, parameter.grad, tolerance=FLOAT32, name=way)
