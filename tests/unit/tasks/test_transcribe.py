"""A transcriber learns tones, keeps them in a run, and hears a stream as it hears a file."""

import io
import os
import signal
import struct
import sys
import types

import numpy as np
import pytest
import torch

from tests.made_up import tones
from tests.tolerances import FIGURE, FLOAT64, assert_agrees
from unrolled.cli import main
from unrolled.data.edits import edits, error_rate, text_errors
from unrolled.errors import ArgumentError
from unrolled.tasks import estimator
from unrolled.tasks.generate.generator import Generator
from unrolled.tasks.generate.letters import LetterModel
from unrolled.tasks.transcribe.features import FLOOR, LogMel, filters, hertz, mel
from unrolled.tasks.transcribe.job import Lexicon, SpeechJob
from unrolled.tasks.transcribe.model import masked
from unrolled.tasks.transcribe.transcriber import Transcriber, least_steps
from unrolled.training.interrupts import Interrupted
from unrolled.training.run_folder import RunFolder

pytestmark = pytest.mark.drawn

RATE = 4000
SMALL = {
    "hidden": 12, "channels": 12, "bands": 12, "epochs": 16, "lr": 0.03, "batch_size": 8,
    "dropout": 0.0, "masks": 0, "schedule": "constant", "stride": 3, "beam": 1,
}  # fmt: skip


def write_wav(path, samples):
    body = np.round(samples * 2**15).astype("<i2").tobytes()
    form = struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16)
    chunks = b"fmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(body)) + body
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of one direction, from the command line."""
    place = tmp_path_factory.mktemp("speech")
    sounds, texts = tones()
    lines = ["file,text"]
    for number, (sound, text) in enumerate(zip(sounds, texts, strict=True)):
        write_wav(place / f"{number}.wav", sound)
        lines.append(f"{number}.wav,{text.upper()}")
    (place / "all.csv").write_text("\n".join(lines) + "\n")
    words = [f"--{k.replace('_', '-')}={v}" for k, v in SMALL.items()]
    out = ["--no-bidirectional", "--out", str(place / "run"), "--quiet"]
    assert main(["train", "transcribe", str(place / "all.csv"), *words, *out]) == 0
    return place / "run"


def test_it_learns_with_any_cell_of_the_library():
    X, y = tones(80)
    model = Transcriber(cell="mgu", **SMALL).fit(X[:60], y[:60], rate=RATE)
    assert model.evaluate(X[60:], y[60:])["character_error_rate"] < 0.3
    assert model.evaluate(X[60:], y[60:], beam=8)["character_error_rate"] < 0.3
    with pytest.raises(ArgumentError, match="recording 1 has shape"):
        model.predict([np.zeros((3, 2))])


def test_a_recording_is_heard_the_same_alone_and_beside_a_longer_one():
    X, y = tones(30)
    model = Transcriber(layers=2, **SMALL | {"epochs": 1, "stride": 2}).fit(X, y, rate=RATE)
    longest = max(X, key=len)
    shortest = min(X, key=len)
    network = model.model_
    one, two = (torch.from_numpy(model.features_(x))[:, None] for x in (shortest, longest))
    batch = torch.zeros(len(two), 2, two.shape[2])
    batch[: len(one), :1], batch[:, 1:] = one, two
    with torch.no_grad():
        alone, steps = network(one, torch.tensor([len(one)]))
        beside, _ = network(batch, torch.tensor([len(one), len(two)]))
    both = (beside[: int(steps[0]), 0].double(), alone[:, 0].double())
    assert_agrees(*both, tolerance=FIGURE)


def test_a_stream_is_heard_as_the_file_it_is_part_of(run, capsys, monkeypatch):
    model = Transcriber.load(run)
    most = 0
    for number in range(4):
        sound = tones()[0][number]
        raw = np.round(sound * 2**15).astype("<i2").tobytes()
        said = model.predict([np.frombuffer(raw, "<i2") / np.float32(2**15)])[0]
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(raw)))
        assert main(["transcribe", str(run), "-"]) == 0
        out = capsys.readouterr()
        parts = out.out.strip("\n").split("\n")
        assert parts[-1] == said
        assert all(said.startswith(part) for part in parts)
        most = max(most, len(parts))
        assert "ms after its step begins" in out.err
    assert most > 2  # it answered while it listened


def test_a_run_is_asked_and_holds_its_report(run, capsys):
    place = run.parent
    assert main(["evaluate", str(run), str(place / "all.csv")]) == 0
    assert "word error rate: " in capsys.readouterr().out
    assert main(["transcribe", str(run), str(place / "0.wav"), "--beam", "4"]) == 0
    said = capsys.readouterr().out.strip()
    assert set(said) <= {"a", "b"}
    assert main(["predict", str(run), str(place / "all.csv")]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 60
    report = (run / "report.html").read_text()
    for words in ("words (WER)", "Alignment", "Heard as"):
        assert words in report


def test_it_goes_on_to_the_same_bits(tmp_path, monkeypatch):
    monkeypatch.setattr(estimator, "render", lambda page: "")
    X, y = tones(30)
    compute, calls = SpeechJob.compute, [0]

    def interrupted(self, *arguments):
        calls[0] += 1
        if calls[0] == 8:
            os.kill(os.getpid(), signal.SIGINT)
        return compute(self, *arguments)

    def model(out):
        more = {"epochs": 3, "dropout": 0.3, "masks": 1}
        return Transcriber(out=tmp_path / out, **SMALL | more)

    model("whole").fit(X, y, rate=RATE)
    with monkeypatch.context() as patch:
        patch.setattr(SpeechJob, "compute", interrupted)
        with pytest.raises(Interrupted):
            model("cut").fit(X, y, rate=RATE)
    model("cut").fit(X, y, rate=RATE, resume=True)
    ours, theirs = (RunFolder.open(tmp_path / one).read_weights() for one in ("whole", "cut"))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_features_are_the_energies_of_bands():
    """Against the definition: a sum over samples for each frequency, weighed by triangles."""
    hear = LogMel(1000, 5)
    samples = np.random.default_rng(0).normal(0, 0.1, 90)
    found = hear.raw(samples)
    assert found.shape == (1 + (90 - 25) // 10, 5)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(25) / 25)
    weights = filters(1000, 32, 5)
    for frame in range(len(found)):
        piece = samples[10 * frame : 10 * frame + 25] * window
        turns = np.exp(-2j * np.pi * np.outer(np.arange(17), np.arange(25)) / 32)
        energy = np.abs(turns @ piece) ** 2
        assert_agrees(found[frame], np.log(weights @ energy + FLOOR), tolerance=FLOAT64)


@pytest.mark.parametrize(
    "wrong",
    [
        {"mean": [float("nan")] * 3},
        {"deviation": [1.0, 0.0, 1.0]},
        {"deviation": [1.0]},
        {"bands": 4},
        {"rate": 10**9},
    ],
    ids=lambda wrong: " ".join(wrong),
)
def test_features_that_give_no_numbers_are_refused(wrong):
    kept = {"rate": 4000, "bands": 3, "mean": [0.0] * 3, "deviation": [1.0] * 3}
    assert LogMel.from_dict(kept).bands == 3
    with pytest.raises(ValueError, match=r"mean|bands"):
        LogMel.from_dict(kept | wrong)


def test_the_mel_scale():
    assert_agrees(float(mel(1000.0)), 999.9855371396244, tolerance=FLOAT64)
    assert_agrees(hertz(mel(np.array([20.0, 440.0, 4000.0]))), np.array([20.0, 440.0, 4000.0]),
                  tolerance=FLOAT64)  # fmt: skip
    peaks = filters(8000, 512, 10).argmax(1)
    assert (np.diff(peaks) > 0).all()


def test_a_short_sound_is_one_frame():
    assert LogMel(1000, 5).raw(np.ones(3)).shape == (1, 5)


def test_masks_leave_most_and_only_blank_out():
    torch.manual_seed(0)
    x = torch.ones(40, 3, 10)
    found = masked(x, torch.tensor([40, 20, 30]), 2)
    assert set(found.unique().tolist()) == {0.0, 1.0}
    assert found.mean() > 0.3


@pytest.mark.parametrize(
    ("one", "other", "count"),
    [("kitten", "sitting", 3), ("", "abc", 3), ("abc", "", 3), ("abc", "abc", 0), ("ab", "ba", 2)],
)
def test_edits(one, other, count):
    assert edits(one, other) == edits(other, one) == count


def test_error_rates():
    assert error_rate([("abcd", "abce"), ("", "x")]) == 2 / 4
    found = text_errors(["one two", "three"], ["one too", "three"])
    assert found["word_error_rate"] == 1 / 3
    assert found["exact"] == 1 / 2


def test_a_lexicon_knows_words_and_how_they_begin():
    known = Lexicon.fit(["one two", "ones"])
    assert all(known.begins(one) for one in ("", "on", "one ", "one tw", "two ones"))
    assert not any(known.begins(one) for one in ("ox", "on t"))
    assert [known.knows(one) for one in ("one two", "on", "")] == [True, False, False]


def test_with_a_lexicon_only_learnt_words_are_heard():
    X, y = tones(60)
    model = Transcriber(lexicon="yes", **SMALL | {"epochs": 6, "beam": 6}).fit(X, y, rate=RATE)
    assert set(model.predict(X)) <= {*y, ""}
    with pytest.raises(ArgumentError, match="set beam to 2 or more"):
        Transcriber(lexicon="yes", beam=1).check()


def test_recordings_too_short_for_their_text_are_counted_and_left_out():
    assert least_steps([1, 1, 2]) == 4
    X, y = tones(30)
    y[3] = "ab" * 40
    model = Transcriber(**SMALL | {"epochs": 1, "validation": 0.0}).fit(X, y, rate=RATE)
    assert "1 of 30 recordings are too short for their text" in " ".join(model.notes_)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("transcribe {run} gone.wav", "there is no file 'gone.wav'"),
        ("transcribe {run} {run}/../0.wav --rate 8000", "--rate is for raw samples"),
        ("transcribe {run} {run}/../0.wav --beam 0", "beam must be an integer"),
        ("train transcribe {run}/../0.wav", "name a table of files"),
        ("train transcribe {run}/../all.csv --stride 0", "stride must be an integer"),
        ("predict {run} {run}/../0.wav --tag x", "no option '--tag'"),
    ],
)
def test_what_a_person_gets_wrong_is_answered_in_a_sentence(run, capsys, line, words, tmp_path):
    out = ["--out", str(tmp_path / "new")] if line.startswith("train") else []
    assert main([*line.format(run=run).split(), *out]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert not (tmp_path / "new").exists()


class Stream:
    """A microphone that gives what it is made of, and is then stopped by Ctrl-C."""

    def __init__(self, samples, **how):
        assert (how["channels"], how["dtype"], how["samplerate"]) == (1, "int16", RATE)
        self.left = np.round(samples * 2**15).astype("<i2").tobytes()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def read(self, frames):
        if not self.left:
            raise KeyboardInterrupt
        block, self.left = self.left[: 2 * frames], self.left[2 * frames :]
        return block, False


def test_a_microphone_is_heard_as_a_file_is(run, capsys, monkeypatch):
    sounds, _ = tones(1)
    found = types.ModuleType("sounddevice")
    found.PortAudioError = RuntimeError
    found.RawInputStream = lambda **how: Stream(sounds[0], **how)
    monkeypatch.setitem(sys.modules, "sounddevice", found)
    assert main(["transcribe", str(run), "--microphone"]) == 0
    heard = capsys.readouterr().out.splitlines()[-1]
    assert heard == Transcriber.load(run).predict([sounds[0]], beam=1)[0]
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    assert main(["transcribe", str(run), "--microphone"]) == 2
    assert "sounddevice" in capsys.readouterr().err


def test_a_language_model_of_letters_is_asked_by_the_beam(run, tmp_path, capsys):
    (tmp_path / "book.txt").write_text("abab\nbaba\n" * 60)
    words = ["--hidden", "8", "--epochs", "2", "--lr", "0.02", "--quiet"]
    out = ["--out", str(tmp_path / "letters")]
    assert main(["train", "generate", str(tmp_path / "book.txt"), *words, *out]) == 0
    expects = LetterModel(Generator.load(tmp_path / "letters"))
    table = expects.tokens.numbers
    total = sum(np.exp(expects("ab", letter)) for letter in table if len(letter) == 1)
    assert_agrees(np.float64(total), np.float64(1), tolerance=FIGURE)
    numbers = torch.tensor([[table["\n"]], [table["a"]], [table["b"]]])
    scores = expects.model(numbers)[0][-1, 0]
    shares = (scores[table["a"]] - scores[table["b"]]).item()
    found = expects("ab", "a") - expects("ab", "b")
    assert_agrees(np.float64(found), np.float64(shares), tolerance=FIGURE)
    model, (sounds, _) = Transcriber.load(run), tones(4)
    model.known_ = None
    plain = model.predict(sounds, 4)
    assert model.predict(sounds, 4, lambda text, letter: 0.0) == plain
    shorter = model.predict(sounds, 4, lambda text, letter: -1000.0)
    assert shorter == [""] * 4  # each letter costs more than what was heard is worth
    write_wav(tmp_path / "a.wav", sounds[0])
    ask = ["transcribe", str(run), str(tmp_path / "a.wav"), "--beam", "4"]
    assert main([*ask, "--language-model", str(tmp_path / "letters")]) == 0
    capsys.readouterr()
    assert main([*ask, "--language-weight", "2"]) == 2
    assert "requires --language-model" in capsys.readouterr().err
    assert main([*ask, "--microphone"]) == 2
    assert "no input is given" in capsys.readouterr().err
