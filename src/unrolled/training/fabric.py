"""Where a training runs: Lightning Fabric, from one process to many machines.

In: settings. Out: a launched Fabric, and sums over all processes; next: `loop`.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any

import torch

from unrolled.errors import UnrolledError
from unrolled.training.job import Sums
from unrolled.training.settings import PRECISIONS, Settings

if TYPE_CHECKING:
    from lightning_fabric import Fabric


# Variables by which processes on several machines find each other: set by hand, Slurm, LSF or MPI.
MEETINGS = ("MASTER_ADDR", "SLURM_JOB_ID", "LSB_JOBID", "OMPI_COMM_WORLD_SIZE")


class CannotLaunch(UnrolledError):
    """The requested devices, nodes or strategy are not available."""


def start_fabric(settings: Settings) -> Fabric:
    """Fabric with its processes running; under `torchrun` it joins the existing ones."""
    fabric = make_fabric(settings)
    fabric.launch()
    return fabric


def make_fabric(settings: Settings) -> Fabric:
    """Fabric for these settings, not yet launched; raises `CannotLaunch` if that is impossible."""
    import lightning_fabric

    for name in ("lightning_fabric", "lightning.fabric"):  # their log messages do not concern users
        logging.getLogger(name).setLevel(logging.WARNING)
    under_torchrun = "TORCHELASTIC_RUN_ID" in os.environ
    devices = int(os.environ["LOCAL_WORLD_SIZE"]) if under_torchrun else settings.devices
    nodes = settings.nodes
    if under_torchrun:
        nodes = int(os.environ["WORLD_SIZE"]) // devices
    if nodes > 1 and not under_torchrun and not any(name in os.environ for name in MEETINGS):
        raise CannotLaunch(
            f"{nodes} nodes would wait for each other forever, since no rendezvous address is set: "
            "start this command on each of them with torchrun, or under Slurm, or with MASTER_ADDR "
            "and NODE_RANK set"
        )
    require_accelerator(settings.accelerator, devices)
    many = devices * nodes > 1
    strategy = "ddp" if many and settings.strategy == "auto" else settings.strategy
    try:
        return lightning_fabric.Fabric(
            accelerator=settings.accelerator, devices=devices, num_nodes=nodes, strategy=strategy,
            **precision_of(settings),
        )  # fmt: skip
    except (ValueError, TypeError, RuntimeError) as error:
        raise CannotLaunch(
            f"training cannot start on {settings.accelerator} with devices={devices}, "
            f"nodes={nodes}, strategy={strategy!r}: {error}"
        ) from error


def precision_of(settings: Settings) -> dict[str, Any]:
    """Fabric's argument for a precision. On the CPU Fabric would replace float16 by bfloat16,
    although torch computes in float16 there, too."""
    if settings.precision == "fp16" and _computes_on_processor(settings.accelerator):
        from lightning_fabric.plugins.precision import MixedPrecision

        return {"plugins": [MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu"))]}
    return {"precision": PRECISIONS[settings.precision]}


def _computes_on_processor(accelerator: str) -> bool:
    is_there = torch.cuda.is_available() or torch.backends.mps.is_available()
    return accelerator == "cpu" or (accelerator == "auto" and not is_there)


def require_accelerator(name: str, devices: int) -> None:
    """Raise an error if there is no such device, or not as many."""
    cure = "leave --accelerator out to train on the CPU"
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if name == "mps" and not mps:
        raise CannotLaunch(f"this machine has no Apple GPU that PyTorch can use: {cure}")
    if name == "cuda" or (name == "gpu" and not mps):
        if not cuda:
            why = (
                "this PyTorch was built without CUDA"
                if torch.version.cuda is None
                else "no driver or no GPU was found"
            )
            raise CannotLaunch(f"there is no GPU that PyTorch can use here ({why}): {cure}")
        if devices > torch.cuda.device_count():
            raise CannotLaunch(
                f"--devices {devices} asks for more GPUs than there are "
                f"({torch.cuda.device_count()}): lower it, or {cure}"
            )


def is_first_process() -> bool:
    """Whether this process is the one that writes and logs; works before Fabric has started."""
    return all(os.environ.get(name, "0") == "0" for name in ("LOCAL_RANK", "NODE_RANK", "RANK"))


def whole_sums(fabric: Fabric, sums: Sums) -> Sums:
    """The sums over all processes."""
    if fabric.world_size == 1:
        return sums
    whole = {}
    for name, value in sorted(sums.items()):
        total = fabric.all_reduce(value.to(fabric.device), reduce_op="sum")
        assert isinstance(total, torch.Tensor)
        whole[name] = total.cpu()
    return whole


def agreed(fabric: Fabric, mine: bool) -> bool:
    """The value of the first process: all processes must stop at the same step."""
    if fabric.world_size == 1:
        return mine
    return bool(fabric.broadcast(torch.tensor(mine), src=0))


def said_by_first(fabric: Fabric, mine: int | None) -> int | None:
    """The number of the first process, or None if it has none."""
    if fabric.world_size == 1:
        return mine
    number = int(fabric.broadcast(torch.tensor(-1 if mine is None else mine), src=0))
    return None if number < 0 else number
