"""What people do with torch.nn's layers in training, done with ours: each against the same with
torch.nn's, or with the layer alone."""

import copy
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune
from torch.optim.swa_utils import AveragedModel
from torch.utils.checkpoint import checkpoint
from torch.utils.data import DataLoader, Dataset

import unrolled
from tests.tolerances import EXACT, FLOAT32, FLOAT64, assert_agrees

I, H = 3, 5


def pair(kind: str = "LSTM", **more: Any) -> tuple[Any, Any]:
    theirs, ours = getattr(nn, kind)(I, H, **more), getattr(unrolled, kind)(I, H, **more)
    ours.load_state_dict(theirs.state_dict())
    return theirs, ours


def gradients(layer: nn.Module) -> list[Tensor]:
    found = [p.grad for p in layer.parameters()]
    assert all(g is not None for g in found)
    return [g for g in found if g is not None]


@pytest.mark.parametrize("use_reentrant", [False, True])
def test_checkpoint(use_reentrant: bool) -> None:
    theirs, ours = pair()
    x = torch.randn(4, 2, I, requires_grad=True)
    theirs(x)[0].square().sum().backward()
    y = checkpoint(lambda x: ours(x)[0], x, use_reentrant=use_reentrant)
    y.square().sum().backward()
    for one, other in zip(gradients(ours), gradients(theirs), strict=True):
        assert_agrees(one, other, tolerance=FLOAT32)


def test_averaged() -> None:
    _, ours = pair()
    averaged, x = AveragedModel(ours), torch.randn(4, 2, I)
    averaged.update_parameters(ours)
    assert_agrees(averaged(x)[0], ours(x)[0], tolerance=EXACT)


@pytest.mark.parametrize("how", ["weight_norm", "spectral_norm", "orthogonal"])
def test_parametrized(how: str) -> None:
    torch.manual_seed(0)
    theirs, ours = pair("GRU")
    for layer in (theirs, ours):
        torch.manual_seed(1)
        getattr(parametrizations, how)(layer, "weight_hh_l0")
        layer.eval()
    # torch.nn's layer flattens its weights once: ask it for what it would be given now
    bare = nn.GRU(I, H)
    values = {name: getattr(theirs, name).detach() for name in bare.state_dict()}
    bare.load_state_dict(values)
    x = torch.randn(4, 2, I)
    assert_agrees(ours(x)[0], bare(x)[0], tolerance=FLOAT32)
    ours(x)[0].sum().backward()
    gradients(ours)


def test_pruned() -> None:
    _, ours = pair("RNN")
    prune.l1_unstructured(ours, "weight_hh_l0", amount=0.5)
    bare = nn.RNN(I, H)
    bare.load_state_dict({name: getattr(ours, name).detach() for name in bare.state_dict()})
    x = torch.randn(4, 2, I)
    assert_agrees(ours(x)[0], bare(x)[0], tolerance=FLOAT32)
    ours(x)[0].sum().backward()
    masked = ours.weight_hh_l0_orig.grad[ours.weight_hh_l0_mask == 0]
    assert_agrees(masked, torch.zeros_like(masked), tolerance=EXACT)
    prune.remove(ours, "weight_hh_l0")
    assert_agrees(ours(x)[0], bare(x)[0], tolerance=FLOAT32)


def test_copied_saved_and_hooked() -> None:
    _, ours = pair(num_layers=2)
    x, seen = torch.randn(4, 2, I), []
    ours.register_state_dict_post_hook(lambda module, state, *_: state.update(more=torch.ones(1)))
    ours.register_load_state_dict_pre_hook(lambda module, state, *_: state.pop("more"))
    ours.register_forward_hook(lambda module, given, result: seen.append(result[0]))
    state = ours.state_dict()
    assert "more" in state
    ours.load_state_dict(state)
    file = io.BytesIO()
    torch.save(unrolled.LSTM(I, H).state_dict(), file)
    expected = ours(x)[0]
    assert seen[0] is expected
    assert_agrees(copy.deepcopy(ours)(x)[0], expected, tolerance=EXACT)


class Read(Dataset[Tensor]):
    """A data set that asks a layer for its items, in whatever process."""

    def __init__(self, layer: nn.Module) -> None:
        self.layer = layer

    def __len__(self) -> int:
        return 2

    def __getitem__(self, number: int) -> Tensor:
        with torch.no_grad():
            y: Tensor = self.layer(torch.full((4, I), float(number)))[0]
        return y


@pytest.mark.exhaustive
@pytest.mark.parametrize("way", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_workers(way: str) -> None:
    layer = unrolled.LSTM(I, H).share_memory()
    layer(torch.zeros(4, I))
    data = Read(layer)
    found = [*DataLoader(data, batch_size=None, num_workers=1, multiprocessing_context=way)]
    for number, one in enumerate(found):
        assert_agrees(one, data[number], tolerance=EXACT)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("rows", [1, 3])
def test_a_stream_in_inference_mode(dtype: torch.dtype, rows: int) -> None:
    tolerance = FLOAT32 if dtype == torch.float32 else FLOAT64
    layer = unrolled.LSTM(I, H, num_layers=3, dtype=dtype).eval()
    with torch.inference_mode():
        x = torch.randn(6, rows, I, dtype=dtype)
        expected, (h, c) = layer(x)
        stream = layer.stream(batch=rows)
        found = torch.stack([stream.step(step).clone() for step in x])
        assert_agrees(found.reshape(expected.shape), expected, tolerance=tolerance)
        assert_agrees(stream.states[0], h, tolerance=tolerance)
        assert_agrees(stream.states[1], c, tolerance=tolerance)


@pytest.fixture
def _group(tmp_path: Path) -> Iterator[None]:
    dist.init_process_group("gloo", f"file://{tmp_path / 'store'}", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.usefixtures("_group")
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
def test_distributed_in_one_process() -> None:
    """What either wraps a layer in; two processes train in tests/unit/tasks/test_processes.py."""
    from torch.distributed.fsdp import fully_shard

    _, ours = pair(num_layers=2)
    x = torch.randn(4, 2, I)
    ours(x)[0].square().sum().backward()
    expected = gradients(ours)
    wrapped = nn.parallel.DistributedDataParallel(copy.deepcopy(ours))
    wrapped.zero_grad()
    wrapped(x)[0].square().sum().backward()
    for one, other in zip(gradients(wrapped), expected, strict=True):
        assert_agrees(one, other, tolerance=FLOAT32)
    sharded: Any = copy.deepcopy(ours)
    sharded.zero_grad()
    mesh = torch.distributed.device_mesh.init_device_mesh("cpu", (1,))
    fully_shard(sharded, mesh=mesh)
    sharded(x)[0].square().sum().backward()
    for one, other in zip(gradients(sharded), expected, strict=True):
        assert_agrees(one.full_tensor(), other, tolerance=FLOAT32)
