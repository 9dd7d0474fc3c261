"""A run: a folder that can be copied anywhere, and holds data only, never code.

    config.toml          what was trained on what, with every setting resolved
    weights.safetensors  the weights of the epoch with the best validation metric
    vocabulary.json      what the task needs to encode its input (tokens, classes, scales)
    cell.json            the equation of the cell
    manifest.json        the digests of all files that a prediction depends on
    metrics.jsonl        one line for each epoch
    checkpoints/         see `checkpoints`
    report.html          see `report`

In: a path. Out: its parts; next: `loop` writes, `tasks` read. A run may come from an untrusted
source: nothing in it is executed or unpickled, links are not followed, and file sizes are limited.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from unrolled.files import CannotWrite, make_folder, part_of, sweep, why_not, write_whole
from unrolled.literal import because
from unrolled.training import toml
from unrolled.training.checkpoints import Checkpoints, stored
from unrolled.training.manifest import (
    MANIFEST,
    NotARun,
    announce,
    first_manifest,
    read_manifest,
    require_named,
)

CONFIG, WEIGHTS, METRICS = "config.toml", "weights.safetensors", "metrics.jsonl"
CHECKPOINTS, BOARD = "checkpoints", "tensorboard"

# The largest size of each file in bytes; weights are bounded by the memory they are copied to.
MOST_BYTES = {CONFIG: 1 << 20, "cell.json": 4 << 20, "vocabulary.json": 1 << 30}
MOST_OTHERS = 4 << 30
MOST_DOTS = 3_000  # on a line of TOML: a key of n parts, which is on one line, takes time n * n


class RunFolder:
    """One run on disk."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.checkpoints = Checkpoints(self.path / CHECKPOINTS)

    @classmethod
    def create(
        cls,
        path: str | Path,
        config: Mapping[str, Any],
        files: Mapping[str, str] | None = None,
    ) -> RunFolder:
        """Create a run with its first files, all of them or none.

        Raises an error if the folder holds anything else.
        """
        run = cls(path)
        refuse_taken(run.path)
        make_folder(run.path.parent)
        sweep(run.path.parent)
        texts = {CONFIG: toml.dump(config), **(files or {})}
        first = {name: text.encode() for name, text in texts.items()}
        first[MANIFEST] = first_manifest(first).encode()
        beside = part_of(run.path)
        try:
            make_folder(beside)
            for name, data in first.items():
                write_whole(beside / name, data)
            beside.replace(run.path)
        except OSError as error:
            raise CannotWrite(why_not(run.path, error)) from error
        finally:
            shutil.rmtree(beside, ignore_errors=True)  # remove what a failure has left
        return run

    @classmethod
    def open(cls, path: str | Path) -> RunFolder:
        """Open an existing run, and remove half-written files that a killed process has left."""
        run = cls(path)
        try:
            there = run.path.exists()
            is_run = (run.path / CONFIG).is_file()
        except (OSError, ValueError) as error:
            raise NotARun(f"there is no run {str(path)!r} ({_why(error)})") from None
        if not there:
            raise NotARun(f"there is no run {str(path)!r}: name the folder that --out made")
        if not is_run:
            raise NotARun(
                f"{str(path)!r} is not a run (it has no {CONFIG}): name the folder that "
                "`unrolled train ... --out FOLDER` made"
            )
        run.refuse_links()
        for folder in (run.path, run.checkpoints.folder, run.path.parent):
            sweep(folder)
        if read_manifest(run.path) is None:
            print(
                f"note: {run.path} has no {MANIFEST}, so damage to it would go unnoticed",
                file=sys.stderr,
            )
        return run

    def refuse_links(self) -> None:
        """Raise an error for a link: writing through it would change a file outside of the run."""
        for path in (*self.path.iterdir(), *self.checkpoints.paths()):
            if path.is_symlink():
                raise NotARun(
                    f"{path} is a link, which a run must not contain: copy the run with "
                    "the files themselves (`cp -rL`)"
                )

    def config(self) -> dict[str, Any]:
        """The configuration, as nested dictionaries."""
        return read_toml(self._read(CONFIG), self.path / CONFIG)

    def write_config(self, config: Mapping[str, Any]) -> None:
        self.write_text(CONFIG, toml.dump(config))

    def write_json(self, name: str, value: Any) -> None:
        self.write_text(name, json_text(value))

    def read_json(self, name: str) -> Any:
        try:
            found = json.loads(self._read(name).decode("utf-8"))
            if not isinstance(found, (dict, list)) or not found:
                raise ValueError("it is empty")
            return found
        except (ValueError, RecursionError) as error:
            raise NotARun(f"{self.path / name} cannot be read ({error})") from error

    def write_text(self, name: str, text: str) -> None:
        self._write(name, text.encode())

    def write_weights(self, tensors: Mapping[str, Tensor]) -> None:
        """Write the kept weights, by name."""
        kept = {name: stored(tensor) for name, tensor in tensors.items()}
        self._write(WEIGHTS, safetensors.torch.save(kept))

    def read_weights(self) -> dict[str, Tensor]:
        """Read the kept weights; raises an error that names a weight that is not finite."""
        path = self.path / WEIGHTS
        if not path.exists():
            raise NotARun(
                f"{self.path} has no weights yet: its training was interrupted; resume it with "
                f"`unrolled train --resume {self.path}`"
            )
        try:
            weights = safetensors.torch.load(self._read(WEIGHTS))
        except (ValueError, KeyError, safetensors.SafetensorError) as error:
            raise NotARun(f"{path} is damaged ({because(error)}): copy the run again") from error
        for name, tensor in weights.items():
            if not tensor.isfinite().all():
                raise NotARun(
                    f"the weight {name!r} in {path} holds numbers that are not finite, which "
                    "training never keeps: copy the run again"
                )
        return weights

    def append_metrics(self, record: Mapping[str, Any]) -> None:
        """Append a line of metrics; a number that is not finite becomes null."""
        line = json.dumps({key: _plain(value) for key, value in record.items()})
        path = self.path / METRICS
        whole = path.stat().st_size if path.exists() else 0
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            with contextlib.suppress(OSError):  # remove the incomplete line
                os.truncate(path, whole)
            raise CannotWrite(why_not(path, error)) from error

    def rewrite_metrics(self, records: list[dict[str, Any]]) -> None:
        """Replace the lines by a checkpoint's history: later epochs are trained again."""
        lines = [
            json.dumps({key: _plain(value) for key, value in record.items()}) for record in records
        ]
        write_whole(self.path / METRICS, "".join(line + "\n" for line in lines))

    def metrics(self) -> list[dict[str, Any]]:
        """All lines of metrics; an incomplete last line, left by a killed process, is ignored."""
        path = self.path / METRICS
        if not path.exists():
            return []
        try:
            lines = self._bytes(METRICS).decode("utf-8").split("\n")
            records = [json.loads(line) for line in lines[:-1]]
            if not all(isinstance(record, dict) for record in records):
                raise ValueError("a line holds no record")
            return records
        except (ValueError, RecursionError) as error:
            raise NotARun(f"{path} cannot be read ({error})") from error

    def _write(self, name: str, data: bytes) -> None:
        """Write a file that predictions depend on, after its digest is added to the manifest."""
        announce(self.path, name, data)
        write_whole(self.path / name, data)

    def _read(self, name: str) -> bytes:
        """Read a file that predictions depend on, and check its digest."""
        data = self._bytes(name)
        require_named(self.path, name, data)
        return data

    def _bytes(self, name: str) -> bytes:
        path, most = self.path / name, MOST_BYTES.get(name, MOST_OTHERS)
        try:
            if not path.exists():
                raise NotARun(f"{self.path} is not complete: it has no {name}")
            if path.is_symlink() or not path.is_file():
                raise NotARun(f"{path} is not a file: copy the run again")
            if path.stat().st_size > most:
                raise NotARun(f"{path} is larger than the limit of {most:,} bytes for such a file")
            return path.read_bytes()
        except OSError as error:
            raise NotARun(f"{path} cannot be read ({_why(error)})") from error


def read_toml(data: bytes, path: Path) -> dict[str, Any]:
    """Parse TOML; raises an error if that would take too long."""
    try:
        text = data.decode("utf-8")
        if any(line.count(".") > MOST_DOTS for line in text.splitlines()):
            raise ValueError(f"a line has more than {MOST_DOTS:,} dots")
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotARun(f"{path} cannot be read ({error})") from error


def json_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def refuse_taken(path: Path) -> None:
    """Raise an error before any computation if the folder is already used."""
    try:
        is_empty = path.is_dir() and not any(path.iterdir())
        is_run, is_there = (path / CONFIG).exists(), path.exists()
    except (OSError, ValueError) as error:
        raise CannotWrite(
            f"{path} cannot hold a run ({_why(error)}): choose another --out"
        ) from None
    if is_empty:
        return
    if is_run:
        raise CannotWrite(
            f"{path} already holds a run: choose another --out, or resume it with --resume {path}"
        )
    if is_there:
        raise CannotWrite(f"{path} already exists and is not an empty folder: choose another --out")


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
