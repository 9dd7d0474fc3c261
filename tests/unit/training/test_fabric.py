"""A device that is not there is said in a sentence, before anything is read or started."""

import pytest
import torch

from unrolled.errors import ArgumentError
from unrolled.training.fabric import CannotLaunch, make_fabric, require_accelerator
from unrolled.training.settings import Settings


@pytest.fixture
def gpus(monkeypatch):
    """As many GPUs as a test says, whatever this machine has."""

    def have(count):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)

    return have


@pytest.mark.parametrize("name", ["cuda", "gpu"])
def test_no_gpu(gpus, monkeypatch, name):
    gpus(0)
    monkeypatch.setattr(torch.version, "cuda", None)
    with pytest.raises(CannotLaunch, match=r"was built without CUDA\): leave --accelerator out"):
        make_fabric(Settings(accelerator=name))
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    with pytest.raises(CannotLaunch, match="no driver or no GPU was found"):
        make_fabric(Settings(accelerator=name))
    with pytest.raises(CannotLaunch, match="no Apple GPU"):
        make_fabric(Settings(accelerator="mps"))


def test_too_few_gpus(gpus):
    gpus(2)
    require_accelerator("cuda", 2)
    with pytest.raises(CannotLaunch, match=r"--devices 3 asks for more GPUs than there are \(2\)"):
        require_accelerator("cuda", 3)


def test_bfloat16_is_what_autocast_computes_with():
    assert "bf16" in make_fabric(Settings(precision="bf16"))._precision.precision
    assert make_fabric(Settings())._precision.precision == "32-true"
    with pytest.raises(
        ArgumentError, match="precision must be one of float32, bf16, fp16, not 'half'"
    ):
        Settings(precision="half")


def test_the_processor_is_always_there(gpus):
    gpus(0)
    assert make_fabric(Settings(accelerator="cpu")).device.type == "cpu"
    assert make_fabric(Settings(accelerator="auto")).device.type == "cpu"
    with pytest.raises(ArgumentError, match="accelerator must be one of auto, cpu, cuda, gpu, mps"):
        Settings(accelerator="tpu")
