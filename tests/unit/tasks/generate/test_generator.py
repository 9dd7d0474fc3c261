"""A language model learns a text, keeps its bits, and writes on."""

import math

import pytest
import torch

from tests.made_up import chatter
from tests.tolerances import FIGURE, assert_agrees
from unrolled.cells.choosing import choose_cell
from unrolled.errors import ArgumentError, UnrolledError
from unrolled.tasks.generate.generator import Generator
from unrolled.tasks.generate.job import LanguageJob
from unrolled.tasks.generate.model import LanguageModel
from unrolled.tasks.generate.sampling import Sampling

SMALL = {
    "hidden": 16, "embedding": 8, "window": 12, "batch_size": 4, "epochs": 3, "lr": 0.02,
}  # fmt: skip


@pytest.mark.parametrize("tied", [False, True])
def test_it_learns_and_writes_on(tied):
    model = Generator(tied=tied, **SMALL | {"epochs": 5}).fit(chatter())
    assert model.generate_text("abc ab", 10, temperature=0) == "d abc abd "
    assert model.predict(["abc a"]) == ["b"]
    assert model.score(chatter(400)) > -0.4


def test_bpe_gives_whole_characters_back():
    text = "größer, größer, am größten. " * 60
    model = Generator(tokens="bpe", vocabulary=280, **SMALL | {"epochs": 12}).fit(text)
    pieces = list(model.generate("grö", 40, Sampling(), seed=3))
    assert len(pieces) <= 40
    assert "größ" in model.generate_text("größer, ", 30, temperature=0)


@pytest.mark.exhaustive
@pytest.mark.drawn
def test_a_run_that_was_moved_writes_the_same(tmp_path):
    text = chatter(1500)
    model = Generator(out=tmp_path / "run", **SMALL).fit(text, test=chatter(300))
    (tmp_path / "run").rename(tmp_path / "moved")
    again = Generator.load(tmp_path / "moved")
    asked = {"temperature": 0.9, "top_k": 5, "top_p": 0.95, "seed": 4}
    assert again.generate_text("ab", 50, **asked) == model.generate_text("ab", 50, **asked)
    kept = model.history_[model.state_.best_epoch - 1]
    found = again.evaluate(chatter(300))
    assert_agrees(found["bits_per_character"], kept["test_bits_per_character"], tolerance=FIGURE)
    assert_agrees(found["perplexity"], math.exp(found["loss"]), tolerance=FIGURE)
    report = (tmp_path / "moved" / "report.html").read_text()
    assert "Samples" in report
    assert 'id="live"' in report


def test_the_lanes_of_a_batch_do_not_change_the_figures():
    """Every token is counted once, however the text is cut, up to the lanes' first states."""
    model = Generator(**SMALL).fit(chatter())
    losses = []
    for lanes in (1, 3):
        model.set_params(batch_size=lanes)
        figures = model.evaluate(chatter(501))
        assert figures["characters"] == 501
        losses.append(figures["loss"])
    assert abs(losses[0] - losses[1]) < 0.1


def test_windows_carry_the_state():
    """One long window and many short ones read the same text to the same loss."""
    model = Generator(**SMALL | {"batch_size": 1}).fit(chatter())
    long = model.set_params(window=600).evaluate(chatter(500))["loss"]
    short = model.set_params(window=7).evaluate(chatter(500))["loss"]
    assert_agrees(long, short, tolerance=FIGURE)


def test_states_that_come_back_are_where_the_model_is():
    """From a checkpoint they come on the processor; the model may be elsewhere."""
    model = LanguageModel(
        choose_cell("lstm"), 9, embedding=4, hidden=5, layers=1, dropout=0.0, tied=False
    ).to("meta")
    job = LanguageJob(model, {}, 2, 6, 0)
    job.carry({"0": torch.zeros(1, 2, 5), "1": torch.zeros(1, 2, 5)})
    assert [state.device.type for state in job.states] == ["meta", "meta"]
    job.carry({})
    assert job.states is None


@pytest.mark.parametrize(
    ("sampling", "words"),
    [
        ({"temperature": -1}, "temperature"), ({"top_k": 0}, "top_k"), ({"top_p": 0.0}, "top_p"),
        ({"top_p": 1.5}, "top_p"),
    ],
)  # fmt: skip
def test_sampling_that_makes_no_sense(sampling, words):
    with pytest.raises(ArgumentError, match=words):
        Sampling(**sampling)


def test_bounds_of_sampling():
    scores = torch.log(torch.tensor([0.5, 0.3, 0.15, 0.05]))

    def drawn(**how):
        random = torch.Generator().manual_seed(0)
        return {Sampling(**how).choose(scores, random) for _ in range(300)}

    assert drawn() == {0, 1, 2, 3}
    assert drawn(top_k=2) == {0, 1}
    assert drawn(top_p=0.79) == {0, 1}
    assert drawn(top_p=0.81) == {0, 1, 2}
    assert drawn(top_p=1e-9) == {0}
    assert drawn(temperature=0) == {0}


@pytest.mark.parametrize("tokens", ["char", "bpe"])
def test_what_stands_for_no_text_is_never_said(tokens):
    """Even where most of what it read was unknown to it, and it says so of the next token."""
    text = "".join(chr(33 + 7 * k % 90) for k in range(2000)).replace("<", "a").replace(">", "b")
    model = Generator(tokens=tokens, vocabulary=260 if tokens == "bpe" else 12, **SMALL).fit(text)
    with torch.no_grad():  # as an untrained one may have it, only more so
        model.model_.readout.bias[:2] += 20.0
    assert model.model_(torch.zeros(1, 1, dtype=torch.int64))[0].argmax() < 2
    for how in ({"temperature": 0}, {"temperature": 3.0}, {"top_k": 1}, {"top_p": 0.5}):
        said = list(model.generate("ab", 60, Sampling(**how), seed=1))
        assert not {"<", ">"} & set("".join(said)), how
        assert tokens == "bpe" or len(said) == 60
    assert model.predict(["a"])[0] not in ("", "<fill>", "<unknown>")
    losses = [model.evaluate(text)["loss"]]  # what it is measured by still counts what it said
    with torch.no_grad():
        model.model_.readout.bias[:2] -= 20.0
    losses.append(model.evaluate(text)["loss"])
    assert abs(losses[0] - losses[1]) > 1


@pytest.mark.parametrize(
    ("text", "words"),
    [(["a list", 3], "text 2 of X is 3"), ("short", "at least 14"), ("", "at least")],
)
def test_texts_that_are_too_little(text, words):
    with pytest.raises(UnrolledError, match=words):
        Generator(**SMALL).fit(text)


def test_asking_before_learning():
    with pytest.raises(UnrolledError, match="call fit first"):
        Generator().generate_text("a", 3)
