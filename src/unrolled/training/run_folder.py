"""A run: a folder that can be copied anywhere, and holds data only, never code.

    config.toml          what was trained on what, with every setting resolved
    weights.safetensors  the weights of the epoch with the best validation figure
    vocabulary.json      what the task needs to read its input again (tokens, classes, scales)
    cell.json            the equation of the cell
    metrics.jsonl        one line an epoch
    checkpoints/         see `checkpoints`
    report.html          see `report`

In: a path. Out: its parts; next: `loop` writes, `tasks` read. Nothing is executed or unpickled.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from unrolled.errors import UnrolledError
from unrolled.training import toml
from unrolled.training.checkpoints import Checkpoints, _stored
from unrolled.training.files import CannotWrite, make_folder, why_not, write_whole

CONFIG, WEIGHTS, METRICS = "config.toml", "weights.safetensors", "metrics.jsonl"


class NotARun(UnrolledError):
    """A path that was taken for a run and is none, or a run that is damaged."""


class RunFolder:
    """One run on disk."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.checkpoints = Checkpoints(self.path / "checkpoints")

    @classmethod
    def create(
        cls,
        path: str | Path,
        config: Mapping[str, Any],
        files: Mapping[str, str] | None = None,
    ) -> RunFolder:
        """A new run with its first files, there at once or not at all.

        A folder that holds something else is refused.
        """
        run = cls(path)
        refuse_taken(run.path)
        make_folder(run.path.parent)
        beside = run.path.with_name(f".{run.path.name}.{os.getpid()}.part")
        try:
            make_folder(beside)
            for name, text in {CONFIG: toml.dump(config), **(files or {})}.items():
                write_whole(beside / name, text)
            beside.replace(run.path)
        except (CannotWrite, OSError) as error:
            shutil.rmtree(beside, ignore_errors=True)
            if isinstance(error, CannotWrite):
                raise
            raise CannotWrite(why_not(run.path, error)) from error
        return run

    @classmethod
    def open(cls, path: str | Path) -> RunFolder:
        """A run that is there."""
        run = cls(path)
        if not run.path.exists():
            raise NotARun(f"there is no run {str(path)!r}: name the folder that --out made")
        if not (run.path / CONFIG).is_file():
            raise NotARun(
                f"{str(path)!r} is no run (it has no {CONFIG}): name the folder that "
                "`unrolled train ... --out FOLDER` made"
            )
        return run

    def config(self) -> dict[str, Any]:
        """The configuration as tables."""
        try:
            return tomllib.loads((self.path / CONFIG).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise NotARun(f"{self.path / CONFIG} cannot be read ({error})") from error

    def write_config(self, config: Mapping[str, Any]) -> None:
        write_whole(self.path / CONFIG, toml.dump(config))

    def write_json(self, name: str, value: Any) -> None:
        write_whole(self.path / name, json_text(value))

    def read_json(self, name: str) -> Any:
        try:
            found = json.loads((self.path / name).read_text(encoding="utf-8"))
            if not isinstance(found, (dict, list)) or not found:
                raise ValueError("it holds nothing")
            return found
        except FileNotFoundError:
            raise NotARun(f"{self.path} is not complete: it has no {name}") from None
        except (OSError, ValueError) as error:
            raise NotARun(f"{self.path / name} cannot be read ({error})") from error

    def write_text(self, name: str, text: str) -> None:
        write_whole(self.path / name, text)

    def write_weights(self, tensors: Mapping[str, Tensor]) -> None:
        """The kept weights, by name."""
        stored = {name: _stored(tensor) for name, tensor in tensors.items()}
        write_whole(self.path / WEIGHTS, safetensors.torch.save(stored))

    def read_weights(self) -> dict[str, Tensor]:
        path = self.path / WEIGHTS
        if not path.is_file():
            raise NotARun(
                f"{self.path} has no weights yet: its training was cut short; go on with "
                f"`unrolled train --resume {self.path}`"
            )
        try:
            return safetensors.torch.load(path.read_bytes())
        except (OSError, ValueError, safetensors.SafetensorError) as error:
            raise NotARun(f"{path} is damaged ({error}): copy the run again") from error

    def append_metrics(self, record: Mapping[str, Any]) -> None:
        """One more line of metrics; a number that JSON has no word for becomes null."""
        line = json.dumps({key: _plain(value) for key, value in record.items()})
        path = self.path / METRICS
        whole = path.stat().st_size if path.exists() else 0
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            with contextlib.suppress(OSError):  # no half line stays
                os.truncate(path, whole)
            raise CannotWrite(why_not(path, error)) from error

    def rewrite_metrics(self, records: list[dict[str, Any]]) -> None:
        """The lines of a checkpoint's history: what came after it is trained again."""
        lines = [
            json.dumps({key: _plain(value) for key, value in record.items()}) for record in records
        ]
        write_whole(self.path / METRICS, "".join(line + "\n" for line in lines))

    def metrics(self) -> list[dict[str, Any]]:
        """All lines of metrics."""
        path = self.path / METRICS
        if not path.is_file():
            return []
        try:
            return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        except (OSError, ValueError) as error:
            raise NotARun(f"{path} cannot be read ({error})") from error


def json_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def refuse_taken(path: Path) -> None:
    """Say no before anything is computed when a place is taken."""
    if path.is_dir() and not any(path.iterdir()):
        return
    if (path / CONFIG).exists():
        raise CannotWrite(
            f"{path} already holds a run: choose another --out, or go on with --resume {path}"
        )
    if path.exists():
        raise CannotWrite(f"{path} is there already and is no empty folder: choose another --out")


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
