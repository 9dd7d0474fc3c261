"""Checkpoints: all that a resumed training needs to give the same bits. The last two are kept.

In: a state, and tensors by name. Out: `step-N-DIGEST.safetensors`, then `step-N.json`, which holds
the plain numbers and the checksum of the tensors; writing it makes the checkpoint valid. A damaged
checkpoint is skipped with a note, and the previous one is used. Next: `loop` resumes from it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from unrolled.files import digest_of, make_folder, sweep, write_whole
from unrolled.training.job import State

GENERATIONS = 2
NAME = re.compile(r"step-(\d{9,18})\.json")
OURS = re.compile(r"step-(\d{9,18})(?:-([0-9a-f]{8}))?\.(json|safetensors)")
MOST_PLAIN = 256 << 20  # bytes of the plain numbers, including a line of history per epoch


@dataclass
class Checkpoint:
    """The state of a training at one step: plain numbers, and tensors by name."""

    state: State
    tensors: dict[str, Tensor]

    def part(self, name: str) -> dict[str, Tensor]:
        """The tensors whose names begin with `name/`, with that prefix removed."""
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
        """The steps that have a checkpoint, latest first."""
        found = (NAME.fullmatch(path.name) for path in self.paths())
        return sorted((int(match[1]) for match in found if match), reverse=True)

    def paths(self) -> list[Path]:
        """Everything in the folder; nothing if there is no folder."""
        return list(self.folder.iterdir()) if self.folder.is_dir() else []

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint; once it is valid, remove all but the last two."""
        make_folder(self.folder)
        name = f"step-{checkpoint.state.step:09d}"
        tensors = {key: stored(tensor) for key, tensor in checkpoint.tensors.items()}
        data = safetensors.torch.save(tensors)
        state = checkpoint.state.as_dict()
        plain = {
            "state": state,
            "state_sha256": digest_of(_state_text(state).encode()),
            "sha256": digest_of(data),
        }
        write_whole(self.folder / _tensors_of(name, plain), data)
        write_whole(self.folder / f"{name}.json", json.dumps(plain))
        self._forget_old()

    def load(self, note: Callable[[str], None]) -> Checkpoint | None:
        """The newest intact checkpoint; damaged ones are reported through `note`."""
        for step in self.steps():
            try:
                return self._read(step)
            except DAMAGE as error:
                note(f"the checkpoint of step {step} is damaged ({_short(error)}) and is skipped")
        return None

    def _read(self, step: int) -> Checkpoint:
        name = f"step-{step:09d}"
        if (self.folder / f"{name}.json").stat().st_size > MOST_PLAIN:
            raise ValueError(f"its plain numbers take more than {MOST_PLAIN:,} bytes")
        plain = json.loads((self.folder / f"{name}.json").read_text(encoding="utf-8"))
        data = (self.folder / _tensors_of(name, plain)).read_bytes()
        if digest_of(data) != plain["sha256"]:
            raise ValueError("its checksum does not match")
        known = {field.name for field in fields(State)}
        if set(plain["state"]) != known:
            raise ValueError("it was written by another version")
        if digest_of(_state_text(plain["state"]).encode()) != plain.get("state_sha256"):
            raise ValueError("the checksum of its plain numbers does not match")
        return Checkpoint(checked_state(plain["state"]), safetensors.torch.load(data))

    def _forget_old(self) -> None:
        """Remove all but the last checkpoints; other files are left alone."""
        kept = self.steps()[:GENERATIONS]
        named = {f"step-{step:09d}.json" for step in kept} | {self._tensors_at(s) for s in kept}
        for path in self.paths():
            if OURS.fullmatch(path.name) and path.name not in named:
                path.unlink(missing_ok=True)
        sweep(self.folder)

    def _tensors_at(self, step: int) -> str:
        """The name of a checkpoint's file of tensors; empty if it cannot be read."""
        name = f"step-{step:09d}"
        try:
            return _tensors_of(name, json.loads((self.folder / f"{name}.json").read_bytes()))
        except DAMAGE:
            return ""


def _tensors_of(name: str, plain: dict[str, Any]) -> str:
    """A name that depends on the content, so that the old file stays until the new one is valid."""
    return f"{name}-{str(plain['sha256'])[:8]}.safetensors"


DAMAGE = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    RecursionError,
    safetensors.SafetensorError,
)


def _state_text(state: dict[str, Any]) -> str:
    return json.dumps(state, sort_keys=True)


def checked_state(plain: dict[str, Any]) -> State:
    """The plain numbers of a checkpoint, each checked to be of the type that training writes."""
    state = State(**plain)
    fresh = State().as_dict()
    for name, value in plain.items():
        kind = (
            (int, float) if name == "best" or isinstance(fresh[name], float) else type(fresh[name])
        )
        if value is None and name == "best":
            continue
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ValueError(f"its {name} is {value!r:.40}")
        if isinstance(value, int) and not 0 <= value < 2**62:
            raise ValueError(f"its {name} is {value!r:.40}")
    last = len(state.history)
    if not all(isinstance(record, dict) for record in state.history):
        raise ValueError("its history holds no records")
    if state.epoch != last or not 0 <= state.best_epoch <= last:
        raise ValueError(f"it counts {state.epoch} epochs and has records of {last}")
    return state


def stored(tensor: Tensor) -> Tensor:
    """A copy in memory of its own: the format does not allow tied weights to share memory."""
    return tensor.detach().to("cpu", copy=True).contiguous()


def _short(error: Exception) -> str:
    return str(error).splitlines()[0][:80] if str(error) else type(error).__name__


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimizer's state by name: `0/exp_avg` and so on."""
    tensors = {}
    for index, memory in optimizer.state_dict()["state"].items():
        for name, value in memory.items():
            if value is not None:
                tensors[f"{index}/{name}"] = torch.as_tensor(value)
    return tensors


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Restore what `optimizer_tensors` returned."""
    memory: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        index, name = key.split("/", 1)
        memory.setdefault(int(index), {})[name] = tensor
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": memory, "param_groups": groups})
