"""Stores the best weights, checkpoints and metrics of a training. In: its state. Out: files.

Only the first process writes. If the disk is full, the checkpoint is skipped with a note and
training continues. Next: `loop` calls it after each epoch, at intervals, and on interruption.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from unrolled.errors import require
from unrolled.files import CannotWrite
from unrolled.training.board import write_figures
from unrolled.training.checkpoints import Checkpoint, optimizer_tensors, restore_optimizer
from unrolled.training.job import Job, State, Sums
from unrolled.training.manifest import NotARun
from unrolled.training.progress import Watcher
from unrolled.training.run_folder import RunFolder
from unrolled.training.scaling import Scaling


class Keeper:
    """Stores one training: in memory, and in its run folder if it has one."""

    def __init__(
        self,
        job: Job,
        optimizer: torch.optim.Optimizer,
        scaling: Scaling,
        run: RunFolder | None,
        watcher: Watcher,
        writes: bool,
        tensorboard: bool = False,
    ) -> None:
        self.job, self.optimizer, self.run, self.watcher = job, optimizer, run, watcher
        self.scaling = scaling
        self.writes = writes and run is not None
        self.tensorboard = tensorboard and self.writes
        if self.tensorboard:
            require("tensorboard", "--tensorboard")
        self.best: dict[str, Tensor] = {}
        self.saved_step: int | None = None

    def keep_best(self) -> None:
        """Copy the current weights: they are the best so far."""
        self.best = copied(self.job.model)

    def save(self, state: State, sums: Sums) -> None:
        """Write a checkpoint; if that fails, print a note and keep the previous one."""
        if not self.writes or self.run is None:
            return
        parts = {
            "model": self.job.model.state_dict(),
            "optimizer": optimizer_tensors(self.optimizer),
            "scaling": self.scaling.tensors(),
            "best": self.best,
            "sums": sums,
            "carried": self.job.carried(),
        }
        tensors = {
            f"{part}/{key}": value for part, all_ in parts.items() for key, value in all_.items()
        }
        try:
            self.run.checkpoints.save(Checkpoint(state, tensors))
            self.saved_step = state.step
        except CannotWrite as error:
            last = (
                "there is none"
                if self.saved_step is None
                else f"the last is of step {self.saved_step}"
            )
            self.watcher.note(f"no checkpoint at step {state.step} ({last}): {error}")

    def restore(self) -> tuple[State, Sums] | None:
        """Restore everything from the last intact checkpoint; None if there is none."""
        assert self.run is not None, "only a training with a run folder can be resumed"
        checkpoint = self.run.checkpoints.load(self.watcher.note)
        if checkpoint is None:
            self.watcher.note("there is no checkpoint yet: training starts from the beginning")
            return None
        try:
            self.job.model.load_state_dict(checkpoint.part("model"))
            restore_optimizer(self.optimizer, checkpoint.part("optimizer"))
            self.scaling.restore(checkpoint.part("scaling"))
        except (RuntimeError, ValueError, KeyError, TypeError) as error:
            first = str(error).splitlines()[-1].strip()
            raise NotARun(
                f"the checkpoint of step {checkpoint.state.step} in {self.run.path} does not match "
                f"the run's config.toml ({first}): copy the run again"
            ) from error
        self.best = checkpoint.part("best")
        self.job.carry(checkpoint.part("carried"))
        self.saved_step = checkpoint.state.step
        if self.writes:
            self.run.rewrite_metrics(checkpoint.state.history)
        return checkpoint.state, checkpoint.part("sums")

    def note_epoch(self, record: dict[str, object]) -> None:
        """Append one line of metrics."""
        if self.writes and self.run is not None:
            try:
                self.run.append_metrics(record)
                if self.tensorboard:
                    write_figures(self.run.path, record)
            except CannotWrite as error:
                self.watcher.note(str(error))

    def last_good(self, state: State) -> str:
        """Keep the best weights so far when training fails; return a sentence that names them."""
        if self.best:
            which = f"the weights of epoch {state.best_epoch}"
        elif all(weight.isfinite().all() for weight in self.job.model.parameters()):
            self.keep_best()
            which = f"no epoch was finished, so the weights of step {state.step}"
        else:
            return "no epoch was finished, so no weights are kept"
        return f"{which} are kept{self._write_best()}"

    def finish(self) -> None:
        """Put the best weights into the model and the run."""
        self._write_best()

    def _write_best(self) -> str:
        self.job.model.load_state_dict(self.best)
        if not self.writes or self.run is None:
            return ""
        self.run.write_weights(self.best)
        return f" in {self.run.path}"


def copied(model: nn.Module) -> dict[str, Tensor]:
    """A copy of the weights that later steps do not change."""
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
