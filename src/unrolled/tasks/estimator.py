"""The base class of the estimators: parameters, checks, and the run folder.

In: parameters by name (the same as the options of the command line). Out: `Settings`, a
configuration, a watcher; next: the tasks. `get_params` and `clone` are scikit-learn's.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import torch
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from torch import nn

from unrolled import _version
from unrolled.cells.choosing import ChosenCell, choose_cell
from unrolled.data.notes import Notes
from unrolled.equations.equation import Equation
from unrolled.errors import ArgumentError, ShapeError, UnrolledError
from unrolled.exports.export import Exported, Options
from unrolled.layers.recurrent import Recurrent
from unrolled.literal import because
from unrolled.networks.recurrent import NetworkTooLarge
from unrolled.report.blocks import Page
from unrolled.report.page import render
from unrolled.tasks.options import option
from unrolled.tasks.tokens import DamagedVocabulary
from unrolled.training import settings as checks
from unrolled.training.fabric import is_first_process, make_fabric
from unrolled.training.job import Job
from unrolled.training.loop import train
from unrolled.training.manifest import NotARun
from unrolled.training.optimizers import OPTIMIZERS
from unrolled.training.progress import Json, Lines, Quiet, Silent, Watcher
from unrolled.training.run_folder import CONFIG, RunFolder, json_text, refuse_taken
from unrolled.training.schedules import SCHEDULES
from unrolled.training.settings import Settings

# Upper limits of parameters that cost time or memory.
MOST = {"layers": 1_000, "devices": 1_024, "nodes": 1_024, "horizon": 100_000, "paths": 100_000}
LEAST_PATIENCE = 5  # epochs
BESIDE = 0.25  # share of the minutes for a second network
VOCABULARY = "vocabulary.json"  # the encoder and targets of a run
WATCHERS = {"lines": Lines, "quiet": Quiet, "json": Json}


E = TypeVar("E", bound="Estimator")


class NotFitted(UnrolledError, NotFittedError):
    """A method was called before `fit`."""


@dataclass(kw_only=True, eq=False, repr=False)
class Estimator(BaseEstimator):
    """The parameters shared by all tasks; each task has its own defaults."""

    TASK: ClassVar[str]
    USUAL: ClassVar[int] = 20  # epochs, if their number depends on the data
    LEAST_STEPS: ClassVar[int] = 0  # of the optimizer: few rows need more epochs

    cell: Any = option("lstm", "a cell of the library, or FILE.py:CLASS")
    modify: Any = option((), "modify the cell, such as layernorm; may be repeated", action="append")
    layers: int = option(1, "number of recurrent layers", int)
    hidden: int = option(64, "units in each layer", int)
    dropout: float = option(0.0, "dropout probability", float)
    optimizer: str = option("adam", "optimization algorithm", choices=OPTIMIZERS)
    lr: float = option(0.003, "learning rate", float)
    momentum: float = option(0.9, "momentum, with --optimizer momentum", float)
    weight_decay: float = option(0.0, "strength of the weight decay (0: none)", float)
    schedule: str = option("constant", "learning rate schedule", choices=tuple(SCHEDULES))
    clip_norm: float | None = option(1.0, "clip the norm of the gradient; 0: do not clip", float)
    clip_value: float | None = option(
        None, "clip each entry of the gradient to plus or minus this", float
    )
    epochs: int | None = option(20, "maximum number of epochs", int)
    batch_size: int = option(32, "examples per batch", int)
    patience: int | None = option(
        None,
        "stop after this many epochs without improvement (default: a third, at least 5)",
        int,
    )
    minutes: float | None = option(None, "time limit of the whole command", float)
    seed: int = option(0, "random seed", int)
    validation: float = option(0.1, "fraction of the training data for validation", float)
    devices: int = option(1, "number of processes (or GPUs) on this machine", int)
    nodes: int = option(1, "number of machines", int)
    strategy: str = option("auto", "strategy of Lightning Fabric: auto, ddp, ...")
    accelerator: str = option("cpu", "type of device for training", choices=checks.ACCELERATORS)
    precision: str = option(
        "float32",
        "bf16 and fp16 compute in 16 bits where PyTorch's autocast does, fp16 with a scaled loss; "
        "weights stay float32",
        choices=tuple(checks.PRECISIONS),
    )
    tensorboard: bool = option(False, "also write TensorBoard logs to the run", bool)
    out: Any = None
    progress: str = "quiet"

    def settings(self) -> Settings:
        """The checked settings of the training loop."""
        values = {name: getattr(self, name) for name in Settings.names() if hasattr(self, name)}
        found = Settings(**(values | {"epochs": self.planned_epochs}))
        return found if found.patience is not None else with_patience(found)

    @property
    def planned_epochs(self) -> int:
        """The number of epochs to train for."""
        if self.epochs is not None:
            return self.epochs
        return int(getattr(self, "epochs_", self.USUAL))

    def plan_epochs(self, rows: int, fine_tuned: bool = False) -> None:
        """Choose the number of epochs that gives enough steps, if none was given; up to twice as
        many if the time is limited instead."""
        steps = max(1, -(-rows // self.batch_size))
        least = 0 if fine_tuned else self.LEAST_STEPS
        usual = max(self.USUAL, -(-least // steps))
        self.epochs_ = self.epochs or (usual if self.minutes is None else 2 * usual)

    def settings_beside(self, another: bool) -> Settings:
        """The settings, with some minutes reserved for another network."""
        whole = self.settings()
        if not another or whole.minutes is None:
            return whole
        return replace(whole, minutes=(1 - BESIDE) * whole.minutes)

    def check(self) -> ChosenCell:
        """Check every parameter before anything is read or computed; returns the cell."""
        self._check_kinds()
        self.settings()
        for name in ("layers", "hidden", "batch_size"):
            checks.count(name, getattr(self, name))
        for name, most in MOST.items():
            checks.at_most(name, getattr(self, name, 0), most)
        for name in ("dropout", "validation"):
            checks.share(name, getattr(self, name))
        checks.one_of("progress", self.progress, WATCHERS)
        if isinstance(self.modify, str):
            raise ArgumentError(
                f"modify must be a list of words, not {self.modify!r:.60}: [{self.modify!r:.60}]"
            )
        return choose_cell(self.cell, tuple(self.modify))

    def _check_kinds(self) -> None:
        """Check that words are text and switches are true or false; numbers have other checks."""
        for one in fields(self):
            kinds, value = str(one.type).split(" | "), getattr(self, one.name)
            if value is None and "None" in kinds:
                continue
            for word, kind, what in (("str", str, "a word"), ("bool", bool, "true or false")):
                if word in kinds and not isinstance(value, kind):
                    raise ArgumentError(f"{one.name} must be {what}, not {value!r:.60}")

    def begin(self, data: dict[str, Any] | None, resume: bool) -> None:
        """Begin a fit: `minutes` counts from here, or from the start of the command. Parameters and
        the run folder are checked before anything is read."""
        self._start: float = self.__dict__.pop("began_", time.monotonic())
        self.cell_ = self.check()
        if not resume:
            self.refuse_taken_place()
        self.notes_ = Notes((data or {}).get("notes", ()))
        self.rows_read_: tuple[int, int] | None = None  # of how many, where there is time for few

    def learn(
        self,
        job: Job,
        data: dict[str, Any] | None,
        resume: bool,
        settings: Settings | None = None,
        **tables: Any,
    ) -> dict[str, Any]:
        """Train a job's model, in a run folder if there is one; `config` is its configuration."""
        config = config_of(self.TASK, self, self.cell_, data=data or {}, **tables)
        run = self.open_run(config, resume)
        settings = settings or self.settings()
        state = train(job, settings, run, self.watcher(), resume, self.spent())
        self.model_: Any = job.model.eval()
        self.state_, self.run_, self.history_ = state, run, state.history
        return config

    def write_report(self, page: Callable[[], Page]) -> None:
        """Write the run's report, if there is a run; only in the first process."""
        if self.run_ is not None and is_first_process():
            self.run_.write_text("report.html", render(page()))

    def spent(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._start

    def follow(self, watcher: Watcher) -> None:
        """Use this watcher for the progress of the next training."""
        self._follower = watcher

    def watcher(self) -> Watcher:
        follower: Watcher | None = getattr(self, "_follower", None)
        if follower is not None:
            return follower
        return WATCHERS[self.progress]() if is_first_process() else Silent()

    def refuse_taken_place(self) -> None:
        """Raise an error now, not after reading the data, if the run folder is used."""
        if self.out is not None and is_first_process():
            refuse_taken(Path(self.out))

    def refuse_missing_devices(self) -> None:
        """Raise an error now, not after reading the data, if a device is not available."""
        make_fabric(self.settings())

    def open_run(self, config: dict[str, Any], resume: bool) -> RunFolder | None:
        """The run folder; only the first process creates it."""
        if self.out is None:
            return None
        if resume:
            run = RunFolder.open(self.out)
            if is_first_process():
                run.write_config(config)  # the number of epochs may have changed
            return run
        if not is_first_process():
            return RunFolder(self.out)
        make_fabric(self.settings())  # raises an error before a folder is created
        return RunFolder.create(self.out, config, self._files())

    def _files(self) -> dict[str, str]:
        """The files of a new run besides its configuration."""
        rows = {} if self.rows_read_ is None else {"rows": self.rows_read_[0]}
        return {
            VOCABULARY: json_text(self._vocabulary() | rows),
            "cell.json": self.cell_.equation.to_json(),
        }

    def _vocabulary(self) -> dict[str, Any]:
        """The facts from the data that are needed to use the weights; `_recall` restores them."""
        raise NotImplementedError

    def _build(self) -> nn.Module:
        """The network for the parameters and the facts from the data."""
        raise NotImplementedError

    def _recall(self, vocabulary: dict[str, Any], run: RunFolder) -> None:
        """Restore what a run stores besides its parameters and weights."""
        raise NotImplementedError

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Load the estimator of a run."""
        run = RunFolder.open(path)
        model = from_config(cls, cls.TASK, run.config(), run)
        vocabulary = run.read_json(VOCABULARY)
        try:
            if not isinstance(vocabulary, dict):
                raise TypeError(f"it is {vocabulary!r:.40}")
            model._recall(vocabulary, run)
        except (KeyError, TypeError, ValueError, ArgumentError) as error:
            raise DamagedVocabulary(
                f"{run.path}: its vocabulary is damaged ({because(error)}): copy the run again"
            ) from error
        network = model._build()
        load_weights(network, run)
        model.model_, model.run_, model.history_ = network.eval(), run, run.metrics()
        model.notes_ = Notes()
        return model

    def parameters(self) -> dict[str, Any]:
        """Every parameter except the run folder and the display of progress, as plain values."""
        left_out = {"out", "progress", "cell"}
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        values["modify"] = list(self.modify)
        values["clip_norm"] = self.clip_norm or 0.0  # TOML has no None and would give the default
        return {name: value for name, value in values.items() if name not in left_out}

    def export_as(self, kind: str, path: Path, options: Options) -> Exported:
        """Export the whole estimator; the default raises an error that names the alternatives."""
        self.require_fitted("model_")
        name = type(self).__name__
        place, layer = next(
            (n, part) for n, part in self.model_.named_modules() if isinstance(part, Recurrent)
        )
        if kind == "html" or (kind == "c" and layer.bidirectional):  # which no layer becomes
            path = path.with_suffix(".onnx")
        raise ArgumentError(
            f"a whole {name} cannot be exported: serve it with `unrolled serve`, or export "
            f"its recurrent layers: unrolled.export(model.model_.{place}, {str(path)!r})"
        )

    def require_fitted(self, name: str) -> None:
        if not hasattr(self, name):
            raise NotFitted(f"this {type(self).__name__} is not fitted yet: call fit first")


def with_patience(settings: Settings) -> Settings:
    """The default patience: a third of the epochs without improvement."""
    return replace(settings, patience=max(LEAST_PATIENCE, -(-settings.epochs // 3)))


def config_of(task: str, estimator: Estimator, cell: ChosenCell, **tables: Any) -> dict[str, Any]:
    """The configuration of a run, which reproduces it, with every default resolved."""
    return {
        "task": task,
        "unrolled": _version.__version__,
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "cell": cell.name,
        "cell_sizes": dict(cell.sizes),
        "parameters": estimator.parameters(),
        **tables,
    }


def from_config(kind: type[E], task: str, config: dict[str, Any], run: RunFolder) -> E:
    """An unfitted estimator with the parameters and the cell of a run."""
    if config.get("task") != task:
        raise NotARun(f"{run.path} is a run of {config.get('task')!r:.60}, not of {task!r:.60}")
    parameters = config.get("parameters")
    known = set(kind().parameters())
    if not isinstance(parameters, dict) or not known.issuperset(parameters):
        raise NotARun(f"{run.path / 'config.toml'} has parameters unknown to this version")
    given: dict[str, Any] = {one.name: None for one in fields(kind) if one.default is None}
    given |= parameters | {"out": None, "cell": run_cell(run, config)}
    estimator = kind(**given)
    try:
        estimator.cell_ = estimator.check()
    except ArgumentError as error:
        raise NotARun(f"{run.path / 'config.toml'}: {error}") from None
    return estimator


def run_cell(run: RunFolder, config: dict[str, Any]) -> ChosenCell:
    """The cell of a run, from its stored equation; the name in its configuration is not used."""
    equation = Equation.from_json(json.dumps(run.read_json("cell.json")))
    parameters, sizes = config.get("parameters"), config.get("cell_sizes", {})
    modify = parameters.get("modify", []) if isinstance(parameters, dict) else []
    if not isinstance(modify, list):
        raise NotARun(f"{run.path / CONFIG}: modify must be a list of words, not {modify!r:.60}")
    if not isinstance(sizes, dict):
        raise NotARun(f"{run.path / CONFIG}: cell_sizes must be a table, not {sizes!r:.60}")
    try:
        return ChosenCell(str(config.get("cell")), equation, tuple(map(str, modify)), sizes)
    except (ArgumentError, ShapeError) as error:
        raise NotARun(f"{run.path / CONFIG}, cell_sizes: {error}") from None


def load_weights(model: nn.Module, run: RunFolder) -> None:
    """Load the run's weights, which must match the model of its configuration."""
    try:
        model.load_state_dict(run.read_weights())
    except RuntimeError as error:
        first = because(str(error).splitlines()[-1], 300)
        raise NotARun(
            f"the weights in {run.path} do not fit its config.toml ({first}): copy the run again, "
            "or train it again if another version wrote it"
        ) from error


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the initialization without changing the caller's random state."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            yield
        except RuntimeError as error:
            if "allocate memory" not in str(error):  # torch has no class for it on the CPU
                raise
            raise NetworkTooLarge() from error
