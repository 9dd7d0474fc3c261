"""float16 trains with a scaled loss: a step whose gradient overflows is left out, the scale is
halved and kept by checkpoints, and what diverges for another reason is still said."""

from pathlib import Path

import pytest
import torch

from tests.toy_job import ToyJob
from tests.unit.training.test_resume import Stopping
from unrolled.training.diagnosis import Diverged
from unrolled.training.interrupts import Interrupted
from unrolled.training.loop import Loop, train
from unrolled.training.progress import Quiet
from unrolled.training.run_folder import RunFolder
from unrolled.training.scaling import Scaling
from unrolled.training.settings import Settings

FP16 = {"precision": "fp16", "optimizer": "adam", "lr": 0.02, "epochs": 6}


def test_it_learns_and_leaves_out_what_overflows(monkeypatch: pytest.MonkeyPatch) -> None:
    scales: list[float] = []
    unscale = Scaling.unscale

    def noted(self: Scaling, optimizer: object) -> None:
        scales.append(self.scaler.get_scale())
        unscale(self, optimizer)

    monkeypatch.setattr(Scaling, "unscale", noted)
    job = ToyJob(dropout=0.0)
    state = train(job, Settings(**FP16))
    losses = [record["validation_loss"] for record in state.history]
    assert losses[-1] < 0.7 * losses[0]
    assert scales[0] == 2.0**16
    assert scales[-1] < scales[0]
    assert all(record["train_gradient_norm"] < 1e4 for record in state.history)
    assert {weight.dtype for weight in job.model.parameters()} == {torch.float32}


def test_other_precisions_are_not_scaled() -> None:
    for precision in ("float32", "bf16"):
        loop = Loop(ToyJob(), Settings(precision=precision), None, Quiet())
        assert loop.scaling.scaler is None
        assert loop.scaling.tensors() == {}


def test_a_loss_that_is_infinite_is_no_overflow() -> None:
    with pytest.raises(Diverged):
        train(ToyJob(explode=3), Settings(**FP16))


def test_a_gradient_that_no_scale_makes_finite_is_said() -> None:
    job = ToyJob()
    job.model.out.bias.register_hook(lambda gradient: gradient * torch.inf)
    with pytest.raises(Diverged):
        train(job, Settings(**FP16))


def test_a_resumed_run_goes_on_with_its_scale(tmp_path: Path) -> None:
    settings = Settings(**FP16, checkpoint_seconds=0.0)
    whole = RunFolder.create(tmp_path / "whole", {})
    train(ToyJob(), settings, whole)
    run = RunFolder.create(tmp_path / "cut", {})
    with pytest.raises(Interrupted):
        train(Stopping(), settings, run)
    kept = run.checkpoints.load(print)
    assert kept is not None
    assert float(kept.part("scaling")["scale"]) < 2.0**16
    train(ToyJob(), settings, run, resume=True)
    ours, theirs = run.read_weights(), whole.read_weights()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
