"""The training loop. In: a job, settings and a run folder. Out: the best weights in the model.

`train` is the whole loop; the methods that it calls follow in the order in which they run. It runs
on Lightning Fabric, so the same loop works for one process or many, each of which computes its
share of every batch. The random numbers of a step depend only on the seed and the step's number,
so a resumed training gives the same bits as an uninterrupted one.
Next: `report` reads the run folder.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch

from unrolled.training import diagnosis, schedules
from unrolled.training.clipping import clip_gradients
from unrolled.training.clock import Clock
from unrolled.training.fabric import agreed, said_by_first, start_fabric, whole_sums
from unrolled.training.interrupts import Interrupt, Interrupted, interruptible
from unrolled.training.job import Job, Measures, Share, State, Sums
from unrolled.training.keeping import Keeper
from unrolled.training.optimizers import make_optimizer, set_rate
from unrolled.training.planning import Planner
from unrolled.training.progress import Ahead, Quiet, Silent, Watcher
from unrolled.training.run_folder import RunFolder
from unrolled.training.scaling import Scaling
from unrolled.training.settings import Settings

MEASURING = 0.1  # of a budget: an evaluation that would take longer uses a sample


def train(
    job: Job,
    settings: Settings,
    run: RunFolder | None = None,
    watcher: Watcher | None = None,
    resume: bool = False,
    spent: float = 0.0,
) -> State:
    """Fit the job's model and leave in it the weights with the best validation metric.

    `spent` is the number of seconds of the budget already used for reading the data.
    """
    loop = Loop(job, settings, run, watcher or Quiet(), spent)
    with torch.random.fork_rng(devices=[]), interruptible() as interrupt:
        loop.interrupt = interrupt
        if resume:
            loop.go_on()
        while not loop.is_done():
            for batch in loop.batches_left():
                loop.step(batch)
                if interrupt.asked:
                    loop.save_if_due(now=True)
                    loop.stop()
                if loop.is_out_of_time():
                    break
                loop.save_if_due()
            loop.save_if_due(now=True)  # evaluation may take long, and no step should be lost
            loop.end_epoch()
            loop.is_done()  # so that the last checkpoint says why training ended
            loop.save()
        loop.finish()
    interrupt.obey()  # asked for in the last evaluation
    return loop.state


class Loop:
    """The state of one training, and the steps that `train` calls."""

    def __init__(
        self,
        job: Job,
        settings: Settings,
        run: RunFolder | None,
        watcher: Watcher,
        spent: float = 0.0,
    ) -> None:
        self.job, self.settings = job, settings
        self.fabric = start_fabric(settings)
        self.share = Share(self.fabric.global_rank, self.fabric.world_size)
        self.watcher = watcher if self.fabric.is_global_zero else Silent()
        self.model, self.optimizer = self.fabric.setup(
            job.model, make_optimizer(job.model, settings)
        )
        writes = self.fabric.is_global_zero
        self.scaling = Scaling(self.fabric)
        self.keeper = Keeper(job, self.optimizer, self.scaling, run, self.watcher, writes,
                             settings.tensorboard)  # fmt: skip
        self.state, self.sums = State(), Sums()
        self.clock, self.spent = Clock(spent, settings.minutes), spent
        self.run, self.interrupt = run, Interrupt()
        ends = settings.minutes if schedules.has_an_end(settings.schedule) else None
        self.planner = None if ends is None else Planner(ends)
        self.steps_an_epoch = max(1, len(job.batches("train", 0)))
        self.batches_measured = sum(len(job.batches(part, 0)) for part in ("validation", "test"))

    def go_on(self) -> None:
        """Restore everything from the last intact checkpoint."""
        kept = self.keeper.restore()
        if kept is not None:
            self.state, self.sums = kept
            self.state.finished = ""  # the limits on epochs or minutes may have been raised
            self.clock = Clock(self.state.seconds + self.spent, self.settings.minutes)

    def is_done(self) -> bool:
        """Whether the epoch that has just ended was the last one; stores the reason."""
        state, settings = self.state, self.settings
        if state.position:
            return False
        if state.epoch >= settings.epochs:
            state.finished = "all epochs are done"
        elif settings.patience is not None and state.waited >= settings.patience:
            state.finished = f"no better validation metric in {settings.patience} epochs"
        elif state.epoch and self.is_out_of_time():
            state.finished = "the minutes are used up"
        return bool(state.finished)

    def batches_left(self) -> Any:
        """The batches of this epoch that are not done yet."""
        if self.state.position == 0:
            self.sums = {}
            self.job.begin("train")
        self.model.train()
        batches = self.job.batches("train", self.state.epoch)
        self.steps_an_epoch = len(batches)
        return batches[self.state.position :]

    def step(self, batch: Any) -> None:
        """Forward, backward, clipping, and a step of the optimizer."""
        started, state, settings = time.perf_counter(), self.state, self.settings
        draw_from(seed_of_step(settings.seed, state.step, self.share), self.fabric.device)
        set_rate(self.optimizer, self.rate())
        self.job.model.zero_grad()
        self.clock.start_lap()
        loss, sums = self.job.compute(self.model, batch, self.share)
        self.clock.lap("forward")
        self.fabric.backward(loss * self.share.world)  # shares add up, but Fabric averages them
        self.clock.lap("backward")
        self.scaling.unscale(self.optimizer)
        norm = clip_gradients(self.job.model, settings.clip_norm, settings.clip_value)
        value = float(whole_sums(self.fabric, {"loss": loss.detach()})["loss"])
        is_left_out = not math.isfinite(norm) and self.scaling.may_overflow
        if not (math.isfinite(value) and (math.isfinite(norm) or is_left_out)):
            keep = self.keeper.last_good
            raise diagnosis.not_finite(self.job.model, value, state, settings, keep)
        self.optimizer.step()
        state.step, state.position = state.step + 1, state.position + 1
        add(self.sums, sums)
        measured = 0.0 if is_left_out else 1.0
        norms = {"gradient_norm": norm if measured else 0.0, "steps": measured}
        add(self.sums, {name: torch.tensor(number) for name, number in norms.items()})
        self.clock.lap("update")
        if diagnosis.watch_loss(state, value, self.job.blind_loss):
            facts = self.job.model, value, self.job.blind_loss
            raise diagnosis.growing(*facts, state, settings, self.keeper.last_good)
        self.clock.count_step(time.perf_counter() - started)
        self.settle_plan()
        self.tell(value)

    def rate(self) -> float:
        """The learning rate of the next step."""
        planned = self.settings.epochs * self.steps_an_epoch
        done = self.state.epoch * self.steps_an_epoch + self.state.position
        if self.has_plan():
            planned, done = min(planned, self.state.planned), self.state.step
        share = done / max(1, planned)
        return self.settings.lr * schedules.factor(self.settings.schedule, share, self.state)

    def stop(self) -> None:
        """Save what was learned, and raise an error that says how to resume."""
        raise Interrupted(self.state, None if self.run is None else self.run.path)

    def has_plan(self) -> bool:
        """Whether the number of steps that fit into the budget is known."""
        return self.state.planned_for == self.settings.minutes

    def settle_plan(self) -> None:
        """Once, early: fix the number of steps so that the schedule ends with the budget."""
        if self.planner is None or self.has_plan():
            return
        state, ends = self.state, self.state.position == self.steps_an_epoch
        measuring = min(self.batches_measured, self.room_for_measuring() or self.batches_measured)
        planned = self.planner.plan(
            self.clock.seconds(), state.step, ends, self.steps_an_epoch, measuring
        )
        planned = said_by_first(self.fabric, planned)
        if planned is not None:
            state.planned, state.planned_for = planned, self.planner.minutes

    def end_epoch(self) -> None:
        """Evaluate; keep the weights if the validation metric is the best so far."""
        state, best = self.state, self.job.best
        record: dict[str, Any] = {"epoch": state.epoch + 1, "step": state.step, "lr": self.rate()}
        steps, norms = self.sums.pop("steps"), self.sums.pop("gradient_norm")
        record["train_gradient_norm"] = float(norms / steps.clamp(min=1))
        record |= titled("train", self.job.measures(whole_sums(self.fabric, self.sums)))
        self.settle_measuring()
        self.clock.start_lap()
        for part in ("validation", "test"):
            record |= titled(part, self.evaluate(part))
        self.clock.lap("evaluation")
        self.clock.evaluation_seconds = self.clock.spent["evaluation"]
        part = "validation" if f"validation_{best}" in record else "train"
        figure, loss = record[f"{part}_{best}"], record[f"{part}_loss"]
        better = self.is_better(figure, loss)
        state.epoch, state.position, self.sums = state.epoch + 1, 0, {}
        state.waited = 0 if better else state.waited + 1
        if better:
            state.best, state.best_loss, state.best_epoch = figure, loss, state.epoch
            self.keeper.keep_best()
        schedules.after_epoch(self.settings.schedule, state, better)
        record |= {**self.clock.take_spent(), "seconds": self.clock.seconds()}
        state.history.append(record)
        self.keeper.note_epoch(record)
        self.watcher.epoch(record, self.job.line, self.ahead())

    def is_better(self, figure: float, loss: float) -> bool:
        """Whether the metric is the best so far; the lower loss breaks a tie."""
        before = self.state.best
        if before is None or figure == before:
            return before is None or loss < self.state.best_loss
        return figure < before if self.job.best_is == "lowest" else figure > before

    def evaluate(self, part: str) -> Measures:
        """Metrics of a part of the data, without training on it."""
        batches = self.job.batches(part, 0)
        if self.state.measured and self.batches_measured:
            share = min(1.0, self.state.measured / self.batches_measured)
            batches = sample(batches, max(1, round(share * len(batches))), self.job)
        return evaluate(self.fabric, self.job, self.model, part, self.share, batches, self.heed)

    def heed(self) -> None:
        """Inside an evaluation: stop if requested; its checkpoint has been written already."""
        if self.interrupt.asked:
            self.stop()

    def room_for_measuring(self) -> int | None:
        """How many batches an evaluation has time for; None until that is known."""
        pace = self.clock.pace()
        if self.clock.budget is None or pace is None:
            return None
        return max(2, int(MEASURING * self.clock.budget / max(pace, 1e-9)))

    def settle_measuring(self) -> None:
        """Once: decide whether there is time to evaluate on all of the data or on a sample.

        The sample stays the same, so that the metrics of epochs can be compared; a note says so.
        """
        room = said_by_first(self.fabric, self.room_for_measuring())
        if self.state.measured or room is None or self.batches_measured <= room:
            return
        self.state.measured = room
        self.clock.evaluation_seconds = room * (self.clock.pace() or 0.0)
        self.watcher.note(
            f"the budget is too short to evaluate on all of the validation and test data: the same "
            f"{room:,} of their {self.batches_measured:,} batches are used in every epoch"
        )

    def save(self) -> None:
        """Write a checkpoint of the current state."""
        self.state.seconds = self.clock.seconds()
        self.keeper.save(self.state, self.sums)
        self.clock.saved()

    def save_if_due(self, now: bool = False) -> None:
        """Inside an epoch. Several processes have a state each, so they save only at its end."""
        if self.share.world == 1 and (
            now or self.clock.save_is_due(self.settings.checkpoint_seconds)
        ):
            self.save()

    def is_out_of_time(self) -> bool:
        if self.settings.minutes is None:
            return False
        if self.has_plan() and self.state.step >= self.state.planned:
            return True
        if not self.state.history:  # nothing has been measured yet
            room = self.room_for_measuring() or self.batches_measured
            count = min(room, self.batches_measured)
            self.clock.evaluation_seconds = count * (self.clock.pace() or 0.0)
        return agreed(self.fabric, self.clock.is_over())

    def finish(self) -> None:
        """Put the best weights into the model and the run, and report their metrics."""
        self.keeper.finish()
        self.job.model.to("cpu")  # where later inputs are
        self.watcher.kept(self.state.history[self.state.best_epoch - 1], self.job.line)

    def tell(self, loss: float) -> None:
        """Update the progress bar."""
        share = self.state.position / self.steps_an_epoch
        self.watcher.step(self.state.epoch + 1, share, loss, self.ahead())

    def ahead(self) -> Ahead:
        """The remaining epochs and seconds."""
        return Ahead(self.settings.epochs, self.seconds_left())

    def seconds_left(self) -> float | None:
        """Seconds to the last epoch or the end of the budget; training may stop earlier."""
        epochs = self.settings.epochs - self.state.epoch
        steps = self.steps_an_epoch * epochs - self.state.position
        return self.clock.remaining(steps, epochs)


def sample(batches: Sequence[Any], most: int, job: Job) -> Sequence[Any]:
    """A sample of the batches: evenly spaced, or the first ones if states are carried."""
    if most >= len(batches) or job.carried():
        return batches[:most]
    return [batches[number * len(batches) // most] for number in range(most)]


@torch.no_grad()
def evaluate(
    fabric: Any,
    job: Job,
    model: Any,
    part: str,
    share: Share,
    batches: Sequence[Any] | None = None,
    heed: Callable[[], None] = lambda: None,
) -> Measures:
    """The metrics of a part of the data, over all processes; empty if there is no such part.

    Uses these `batches`, or all; `heed` is called before each.
    """
    batches = job.batches(part, 0) if batches is None else batches
    if not len(batches):
        return {}
    model.eval()
    job.begin(part)
    sums: Sums = {}
    for batch in batches:
        heed()
        add(sums, job.compute(model, batch, share)[1])
    return job.measures(whole_sums(fabric, sums))


def add(sums: Sums, more: Sums) -> None:
    """Add sums to sums, in float64 whatever their dtype."""
    for name, value in more.items():
        value = value.detach().to("cpu", torch.float64)
        sums[name] = sums[name] + value if name in sums else value


def titled(part: str, measures: Measures) -> Measures:
    return {f"{part}_{name}": value for name, value in measures.items()}


def draw_from(seed: int, device: torch.device) -> None:
    """Seed the random generators of the CPU and of the model's device."""
    # not `torch.manual_seed`, which queries every kind of device and takes 0.6 ms a step
    torch.default_generator.manual_seed(seed)
    if device.type != "cpu":
        torch.get_device_module(device).manual_seed(seed)


def seed_of_step(seed: int, step: int, share: Share) -> int:
    """A seed of its own for every step and process: torch's generator takes 32 bits."""
    digest = hashlib.sha256(f"{seed} {step} {share.rank}".encode()).digest()
    return int.from_bytes(digest[:4], "little")
