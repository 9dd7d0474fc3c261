"""Real tasks go on to the same bits: dropout, carried states, best weights and all."""

import os
import signal

import pytest
import torch

from tests.made_up import chatter, opinions
from unrolled.tasks import estimator
from unrolled.tasks.classify.classifier import Classifier
from unrolled.tasks.classify.job import LabellingJob
from unrolled.tasks.classify.model import FeedForward
from unrolled.tasks.generate.generator import Generator
from unrolled.tasks.generate.job import LanguageJob
from unrolled.training.interrupts import Interrupted
from unrolled.training.run_folder import RunFolder

SHARED = {"hidden": 8, "epochs": 3, "dropout": 0.4, "schedule": "cosine", "layers": 2}


@pytest.fixture(autouse=True)
def _no_report(monkeypatch):
    """Drawing a report takes longer than these trainings, and others test it."""
    monkeypatch.setattr(estimator, "render", lambda page: "")


def stop_at(monkeypatch, job, step):
    """Let somebody press Ctrl-C in the midst of a step."""
    compute, calls = job.compute, [0]

    def interrupted(self, *arguments):
        calls[0] += 1
        if calls[0] == step:
            os.kill(os.getpid(), signal.SIGINT)
        return compute(self, *arguments)

    monkeypatch.setattr(job, "compute", interrupted)


def assert_same(one, other):
    ours, theirs = RunFolder.open(one).read_weights(), RunFolder.open(other).read_weights()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert (one / "config.toml").read_text() == (other / "config.toml").read_text()


@pytest.mark.exhaustive
@pytest.mark.parametrize(("cell", "optimizer"), [("lstm", "adam"), ("gru", "muon")])
def test_generate(tmp_path, monkeypatch, cell, optimizer):
    def model(out):
        return Generator(cell=cell, optimizer=optimizer, window=10, batch_size=4, out=out, **SHARED)

    model(tmp_path / "whole").fit(chatter(1000))
    with monkeypatch.context() as patch:
        stop_at(patch, LanguageJob, 35)  # in the second epoch, with states in hand
        with pytest.raises(Interrupted):
            model(tmp_path / "cut").fit(chatter(1000))
    assert 20 < RunFolder.open(tmp_path / "cut").checkpoints.steps()[0] < 40
    model(tmp_path / "cut").fit(chatter(1000), resume=True)
    assert_same(tmp_path / "whole", tmp_path / "cut")


@pytest.mark.exhaustive
def test_classify(tmp_path, monkeypatch):
    X, y = opinions(80)

    def model(out):
        return Classifier(bidirectional=True, batch_size=8, out=out, **SHARED)

    model(tmp_path / "whole").fit(X, y)
    with monkeypatch.context() as patch:
        stop_at(patch, LabellingJob, 14)
        with pytest.raises(Interrupted):
            model(tmp_path / "cut").fit(X, y)
    model(tmp_path / "cut").fit(X, y, resume=True)
    assert_same(tmp_path / "whole", tmp_path / "cut")


def test_a_stop_while_the_baseline_learns_keeps_the_run(tmp_path, monkeypatch):
    """It is not said that nothing was kept, as of a training without a folder."""
    compute = LabellingJob.compute

    def stopping(job, model, batch, share):
        if isinstance(job.model, FeedForward):
            os.kill(os.getpid(), signal.SIGINT)
        return compute(job, model, batch, share)

    monkeypatch.setattr(LabellingJob, "compute", stopping)
    X, y = opinions(40)
    settings = {"hidden": 3, "epochs": 1, "members": 1, "linear": False, "baseline": True}
    with pytest.raises(KeyboardInterrupt) as stopped:
        Classifier(out=tmp_path / "run", **settings).fit(X, y)
    assert not isinstance(stopped.value, Interrupted)
    assert RunFolder.open(tmp_path / "run").read_weights()
