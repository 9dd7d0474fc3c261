"""The served runs. In: names and folders. Out: estimators, always the latest complete ones.

A run that is replaced on disk is loaded in the background, and replaces the served one when it is
ready. Current requests and open sessions finish with the old one. If the replacement cannot be
loaded, the old run is still served; `/health` gives the reason.
Next: `app`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import unrolled
from unrolled.errors import ArgumentError, UnrolledError
from unrolled.layers.fixed import fixed_weights
from unrolled.serve.answering import task_of
from unrolled.serve.batching import Batcher
from unrolled.serve.limits import Limits
from unrolled.serve.metrics import Metrics
from unrolled.serve.orders import say
from unrolled.serve.task import Task
from unrolled.tasks.runs import open_run
from unrolled.training.run_folder import RunFolder

EVERY = 1.0  # seconds between checks of the folders
FILES = ("config.toml", "weights.safetensors", "vocabulary.json", "cell.json", "series.json",
         "manifest.json", "report.html")  # fmt: skip
Signature = tuple[tuple[int, int, int] | None, ...]


@dataclass
class Served:
    """One run in memory, and its thread."""

    name: str
    path: Path
    signature: Signature
    model: Any
    task: Task
    config: dict[str, Any]
    batcher: Batcher
    fixed: ExitStack  # keeps the weights of layers packed for the kernels
    loaded: float = field(default_factory=time.time)
    page: str | None = None  # created on the first request

    def live_page(self) -> str | None:
        """The live page of the run, or else its report; None if it has neither."""
        if self.page is None:
            self.page = _live_page(self.model, self.name) or _report(self.path)
        return self.page


class Runs:
    """All runs by name."""

    def __init__(self, places: Mapping[str, Path], limits: Limits, metrics: Metrics) -> None:
        self.places, self.limits, self.metrics = dict(places), limits, metrics
        self.served = {name: self._load(name) for name in self.places}
        self.failures: dict[str, str] = {}  # reasons why replacements were not loaded
        self._seen = {name: one.signature for name, one in self.served.items()}

    def _load(self, name: str) -> Served:
        path = self.places[name]
        signature = signature_of(path)
        model = open_run(path)
        config = RunFolder(path).config()
        task = task_of(model, config)

        def respond(items: list[Any]) -> list[Any]:
            return task.answer(model, items)

        batcher = Batcher(name, respond, self.limits, self.metrics)
        self.metrics.gauge("unrolled_waiting_items", batcher.waiting, run=name)
        fixed = ExitStack()
        fixed.enter_context(fixed_weights(model.model_))
        return Served(name, path, signature, model, task, config, batcher, fixed)

    async def watch(self, every: float = EVERY) -> None:
        """Check the folders while the server runs."""
        while True:
            await asyncio.sleep(every)
            for name in self.places:
                await self.look(name)

    async def look(self, name: str) -> None:
        """Reload a run if it has changed, once it is unchanged between two checks."""
        now = signature_of(self.places[name])
        before, self._seen[name] = self._seen[name], now
        if now == self.served[name].signature:
            self.failures.pop(name, None)
        if now != before or now == self.served[name].signature or not any(now):
            return
        try:
            loaded = await asyncio.to_thread(self._load, name)
            self._refuse_another_task(loaded)
        except (UnrolledError, OSError) as error:
            if name not in self.failures:
                say(f"the run {name!r} was replaced but cannot be loaded, so the old one is still "
                    f"served: {error}")  # fmt: skip
                self.metrics.count("unrolled_reload_failures_total", run=name)
            self.failures[name] = str(error)
            return
        self.served[name] = loaded
        self.failures.pop(name, None)
        self.metrics.count("unrolled_reloads_total", run=name)
        say(f"the run {name!r} was replaced and has been reloaded")

    def _refuse_another_task(self, loaded: Served) -> None:
        now, new = type(self.served[loaded.name].task), type(loaded.task)
        if now is not new:
            raise ArgumentError(
                f"it was one to {now.__name__.lower()} and is now one to {new.__name__.lower()}: "
                "restart the server to serve it"
            )


def signature_of(path: Path) -> Signature:
    """A signature that changes when a run is replaced, by file or as a folder."""
    found: list[tuple[int, int, int] | None] = []
    for name in FILES:
        try:
            status = (path / name).stat()
        except OSError:
            found.append(None)
        else:
            found.append((status.st_ino, status.st_size, status.st_mtime_ns))
    return tuple(found)


def _live_page(model: Any, name: str) -> str | None:
    """The page of `unrolled export --to html`; None if this run has no such page."""
    with TemporaryDirectory(prefix="unrolled-") as folder:
        path = Path(folder) / f"{name}.html"
        try:
            unrolled.export(model, path, "html")
        except ArgumentError:
            return None
        return path.read_text(encoding="utf-8")


def _report(path: Path) -> str | None:
    report = path / "report.html"
    return report.read_text(encoding="utf-8") if report.is_file() else None
