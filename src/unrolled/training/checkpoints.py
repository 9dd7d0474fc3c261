"""Checkpoints: everything a training needs to go on to the same bits. Two generations are kept.

In: a state, and tensors by name. Out: `step-N.safetensors`, then `step-N.json`, which holds the
plain numbers and the checksum of the tensors and makes the checkpoint count. A damaged checkpoint
is left aside with a note, and the one before it is taken. Next: `loop` goes on from it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from unrolled.training.files import make_folder, write_whole
from unrolled.training.job import State

GENERATIONS = 2
NAME = re.compile(r"step-(\d+)\.json")


@dataclass
class Checkpoint:
    """One moment of a training: plain numbers, and tensors by name."""

    state: State
    tensors: dict[str, Tensor]

    def part(self, name: str) -> dict[str, Tensor]:
        """The tensors whose names begin with `name/`, without it."""
        start = name + "/"
        return {
            key.removeprefix(start): tensor
            for key, tensor in self.tensors.items()
            if key.startswith(start)
        }


class Checkpoints:
    """The folder of a run's checkpoints."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def steps(self) -> list[int]:
        """The steps of which there is a checkpoint, the last one first."""
        if not self.folder.is_dir():
            return []
        found = (NAME.fullmatch(path.name) for path in self.folder.iterdir())
        return sorted((int(match[1]) for match in found if match), reverse=True)

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint; only when it counts are those before the last one removed."""
        make_folder(self.folder)
        name = f"step-{checkpoint.state.step:09d}"
        tensors = {key: _stored(tensor) for key, tensor in checkpoint.tensors.items()}
        data = safetensors.torch.save(tensors)
        plain = {
            "state": checkpoint.state.as_dict(),
            "sha256": hashlib.sha256(data).hexdigest(),
        }
        (self.folder / f"{name}.json").unlink(missing_ok=True)  # of the same step, about to change
        write_whole(self.folder / f"{name}.safetensors", data)
        write_whole(self.folder / f"{name}.json", json.dumps(plain))
        self._forget_old()

    def load(self, note: Callable[[str], None]) -> Checkpoint | None:
        """The newest checkpoint that is whole; what is damaged is named through `note`."""
        for step in self.steps():
            try:
                return self._read(step)
            except (OSError, ValueError, KeyError, TypeError, safetensors.SafetensorError) as error:
                note(f"the checkpoint of step {step} is damaged ({_short(error)}) and is left out")
        return None

    def _read(self, step: int) -> Checkpoint:
        name = f"step-{step:09d}"
        plain = json.loads((self.folder / f"{name}.json").read_text())
        data = (self.folder / f"{name}.safetensors").read_bytes()
        if hashlib.sha256(data).hexdigest() != plain["sha256"]:
            raise ValueError("its checksum does not fit")
        known = {field.name for field in fields(State)}
        if set(plain["state"]) != known:
            raise ValueError("it is of another version")
        state = State(**plain["state"])
        return Checkpoint(state, safetensors.torch.load(data))

    def _forget_old(self) -> None:
        kept = {f"step-{step:09d}" for step in self.steps()[:GENERATIONS]}
        for path in self.folder.iterdir():
            if path.name.lstrip(".").split(".")[0] not in kept or path.name.endswith(".part"):
                with contextlib.suppress(FileNotFoundError):
                    path.unlink()


def _stored(tensor: Tensor) -> Tensor:
    """A tensor of its own: tied weights share memory, which the format does not allow."""
    return tensor.detach().to("cpu", copy=True).contiguous()


def _short(error: Exception) -> str:
    return str(error).splitlines()[0][:80] if str(error) else type(error).__name__


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's memory by name: `0/exp_avg` and so on."""
    tensors = {}
    for index, memory in optimizer.state_dict()["state"].items():
        for name, value in memory.items():
            if value is not None:
                tensors[f"{index}/{name}"] = torch.as_tensor(value)
    return tensors


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put back what `optimizer_tensors` gave."""
    memory: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        index, name = key.split("/", 1)
        memory.setdefault(int(index), {})[name] = tensor
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": memory, "param_groups": groups})
