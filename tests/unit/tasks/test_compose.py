"""A composer's density sums to one, its samples follow it, and its runs are data."""

import itertools
import json

import numpy as np
import pytest
import torch

from tests.made_up import tune
from tests.tolerances import FIGURE, FLOAT64, assert_agrees
from unrolled.cells.choosing import choose_cell
from unrolled.cli import main
from unrolled.data import midi
from unrolled.data.piano_roll import SILENT, roll_of
from unrolled.data.score_files import read_music
from unrolled.data.scores import Note, Piece
from unrolled.errors import ArgumentError
from unrolled.networks.pitch_chain import PitchChain
from unrolled.tasks import estimator
from unrolled.tasks.compose import composer
from unrolled.tasks.compose.composer import Composer
from unrolled.tasks.compose.job import likelihoods
from unrolled.tasks.compose.model import MusicNetwork
from unrolled.tasks.compose.sampling import compose
from unrolled.training.run_folder import RunFolder

SMALL = {"hidden": 8, "units": 4, "epochs": 2, "batch_size": 4, "transpose": 2, "steps": 1}


def network(keys, seed=0):
    torch.manual_seed(seed)
    cell = choose_cell("gru", ())
    found = MusicNetwork(cell, keys, steps=2, hidden=5, layers=1, units=3, dropout=0.0)
    with torch.no_grad():
        for weight in found.parameters():
            weight.copy_(torch.randn_like(weight))
    return found.eval()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    place = tmp_path_factory.mktemp("music")
    (place / "scores").mkdir()
    for number in range(10):
        midi.write(tune(number), place / "scores" / f"{number}.mid")
    words = [f"--{name.replace('_', '-')}={value}" for name, value in SMALL.items()]
    out = ["--out", str(place / "run"), "--quiet", "--validation", "0.2"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(composer, "COMPOSED", 6)
        patch.setattr(composer, "PIECES", 3)
        assert main(["train", "compose", str(place / "scores"), *words, *out]) == 0
    return place / "run"


def test_the_chain_is_a_density_and_each_key_alone_agrees():
    torch.manual_seed(1)
    chain = PitchChain(6, 4, 3).double()
    with torch.no_grad():
        for weight in chain.parameters():
            weight.copy_(torch.randn_like(weight))
    keys = torch.tensor(list(itertools.product((0.0, 1.0), repeat=6)), dtype=torch.float64)
    context = torch.randn(1, 4, dtype=torch.float64).expand(64, 4)
    before = torch.randint(2, (1, 2, 6)).double().expand(64, 2, 6)
    sounding, struck = chain(context, before, keys)
    losses = torch.nn.functional.binary_cross_entropy_with_logits(sounding, keys, reduction="none")
    assert_agrees(
        (-losses.sum(1)).exp().sum(), torch.tensor(1.0, dtype=torch.float64), tolerance=FLOAT64
    )
    base, direct = chain.base(context, before), chain.direct(context)
    alone = [chain.one(key, base, direct, keys) for key in range(6)]
    assert_agrees(torch.stack([one for one, _ in alone], 1), sounding, tolerance=FLOAT64)
    assert_agrees(torch.stack([one for _, one in alone], 1), struck, tolerance=FLOAT64)


def every_piece(steps, keys):
    """All grids in which no key is held that did not sound before."""
    for flat in itertools.product((0, 1, 2), repeat=steps * keys):
        roll = np.array(flat, np.uint8).reshape(steps, keys)
        before = np.concatenate([np.zeros_like(roll[:1]), roll[:-1]])
        if not ((roll == 1) & (before == SILENT)).any():
            yield roll


@torch.no_grad()
def chances(model, rolls):
    """Of each piece on its own: in a batch, pieces lie in an order of their own."""
    whole = [sum(likelihoods(model, [roll], "cpu")).double().sum() for roll in rolls]
    return (-torch.stack(whole)).exp().numpy()


def test_all_pieces_together_have_probability_one_and_samples_follow():
    model = network(2)
    rolls = list(every_piece(2, 2))
    exact = chances(model, rolls)
    assert_agrees(np.array(exact.sum()), np.array(1.0), tolerance=FIGURE)
    counts = dict.fromkeys((roll.tobytes() for roll in rolls), 0)
    for seed in range(400):
        counts[compose(model, 2, seed=seed).tobytes()] += 1
    found = np.array(list(counts.values())) / 400
    assert np.abs(found - exact).max() < 4 * np.sqrt(0.25 / 400)  # four standard errors


def test_a_harmonized_voice_follows_the_density_given_the_voice():
    model = network(3, seed=2)
    voice = np.array([[0, 2, 0], [0, 1, 0]], np.uint8)
    rolls = [r for r in every_piece(2, 3) if (r[:, 1:] == voice[:, 1:]).all()]
    exact = chances(model, rolls)
    exact /= exact.sum()
    counts = dict.fromkeys((roll.tobytes() for roll in rolls), 0)
    for seed in range(150):
        counts[compose(model, 2, voice=voice, pieces=30, seed=seed).tobytes()] += 1
    found = np.array(list(counts.values())) / 150
    assert np.abs(found - exact).max() < 4 * np.sqrt(0.25 / 150)


def test_what_is_given_stands_and_a_seed_repeats(monkeypatch):
    model = Composer(validation=0.0, **SMALL).fit([tune(n) for n in range(4)])
    melody = Piece("m", tuple(Note(float(t), 70 + t % 3, 1.0) for t in range(6)))
    piece = model.compose(voice=melody, seed=5, pieces=8)
    assert piece.notes == model.compose(voice=melody, seed=5, pieces=8).notes
    assert set(melody.notes) <= set(piece.notes)
    assert max(note.pitch for note in piece.notes) == 72
    start = roll_of(tune(1), 1)[:5]
    longer = model.compose(9, beginning=composer.piece_of(start, 1), temperature=0)
    assert np.array_equal(roll_of(longer, 1)[:5], start)
    assert model.score([tune(2)]) == -model.evaluate([tune(2)])["notes"]
    for wrong in (0, -1, 1e9):
        with pytest.raises(ArgumentError, match="length must be above 0"):
            model.compose(wrong)
    with pytest.raises(ArgumentError, match="item 1 of X is not a Piece"):
        model.evaluate(["a.mid"])
    monkeypatch.setattr(Composer, "compose", lambda model, length, beginning: (length, beginning))
    assert model.predict([tune(1)]) == [(24.0, tune(1))]


def test_a_step_costs_the_same_alone_and_beside_a_longer_piece():
    model = network(4)
    draw = np.random.default_rng(1)
    rolls = [draw.choice([0, 2], size=(length, 4)).astype(np.uint8) for length in (3, 7)]
    with torch.no_grad():
        together = sum(sum(likelihoods(model, rolls, "cpu")))
        alone = sum(sum(sum(likelihoods(model, [roll], "cpu"))) for roll in rolls)
    assert_agrees(together.double(), alone.double(), tolerance=FIGURE)


def test_a_run_composes_and_is_evaluated(run, tmp_path, capsys):
    out = [tmp_path / "a.mid", tmp_path / "a.wav"]
    words = [word for path in out for word in ("--out", str(path))]
    voice = ["--voice", str(run.parent / "scores" / "1.mid")]
    assert main(["compose", str(run), *words, *voice, "--seed", "3"]) == 0
    assert read_music(out[0]).pieces[0].length == 12
    assert out[1].read_bytes()[:4] == b"RIFF"
    capsys.readouterr()
    assert main(["evaluate", str(run), str(run.parent / "scores" / "2.mid"), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["steps"] == 12
    page = (run / "report.html").read_text()
    assert 'id="play"' in page
    assert "A melody, harmonized" in page


def test_it_resumes_to_the_same_bits(tmp_path, monkeypatch):
    pieces = [tune(number) for number in range(9)]
    monkeypatch.setattr(estimator, "render", lambda page: "")
    monkeypatch.setattr(Composer, "_findings", lambda *_: None)
    monkeypatch.setattr(composer, "page_of", lambda found: None)

    def make(out, **more):
        return Composer(out=tmp_path / out, validation=0.2, **SMALL | more)

    whole = make("whole").fit(pieces)
    make("cut", epochs=1, schedule="constant").fit(pieces)
    make("other", schedule="constant").fit(pieces)
    make("cut", epochs=2, schedule="constant").fit(pieces, resume=True)
    weights = [RunFolder.open(tmp_path / name).read_weights() for name in ("cut", "other")]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert Composer.load(tmp_path / "whole").steps_ == whole.steps_


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("compose {run}", "no output file is given"),
        ("compose {run} --out a.mp3", "must end in .mid or .wav"),
        ("compose {run} --out a.mid --first 2", "--first says how much of --beginning"),
        ("compose {run} --out a.mid --length 0", "--length must be a number above 0"),
        ("compose {run} --out a.mid --voice gone.mid", "there is no file"),
        ("compose {run} --out a.mid --temperature -1", "temperature"),
        ("predict {run} x", "composes music: use"),
        ("train compose gone.mid", "there is no file"),
        ("train compose {run}", "contains no score"),
        ("train compose {run}/../scores --steps 0", "steps must be an integer"),
    ],
)
def test_what_makes_no_sense_is_said(run, capsys, words, sentence):
    assert main(words.format(run=run).split()) == 2
    assert sentence in capsys.readouterr().err
