"""A translator learns to turn words round, keeps it in a run, and is asked from a shell."""

import os
import signal

import numpy as np
import pytest
import torch

from tests.tolerances import FIGURE, assert_agrees
from unrolled.cli import main
from unrolled.data.pairs import read_pairs
from unrolled.errors import ArgumentError, DataError
from unrolled.tasks.target_job import NOTHING, TargetJob, shifted
from unrolled.tasks.translate import translator
from unrolled.tasks.translate.translator import Translator
from unrolled.training.interrupts import Interrupted
from unrolled.training.run_folder import RunFolder

pytestmark = pytest.mark.drawn

SMALL = {
    "hidden": 16, "embedding": 12, "epochs": 10, "lr": 0.02, "batch_size": 16, "dropout": 0.0,
    "validation": 0.1, "beam": 2, "longest": 8, "smoothing": 0.0,
}  # fmt: skip


def turned(count=300, seed=0):
    """Short words, and the same from their end with other letters."""
    draw = np.random.default_rng(seed)
    words = ["".join(draw.choice(list("abcd"), draw.integers(1, 5))) for _ in range(count)]
    return words, [word[::-1].translate(str.maketrans("abcd", "wxyz")) for word in words]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    place = tmp_path_factory.mktemp("translate")
    lines = [f"{one},{other}" for one, other in zip(*turned(), strict=True)]
    (place / "pairs.csv").write_text("\n".join(["word,back", *lines]) + "\n")
    words = [f"--{k.replace('_', '-')}={v}" for k, v in SMALL.items()]
    out = ["--out", str(place / "run"), "--quiet"]
    assert main(["train", "translate", str(place / "pairs.csv"), *words, *out]) == 0
    return place / "run"


def test_it_learns_and_is_asked(run, capsys):
    model = Translator.load(run)
    X, y = turned(80, seed=1)
    assert model.evaluate(X, y)["exact"] > 0.7
    assert model.predict(["ab", "abcd"]) == ["xw", "zyxw"]
    best = model.n_best(["abc"], 2)[0]
    assert best[0][1] >= best[1][1]
    assert main(["predict", str(run), "dab"]) == 0
    assert capsys.readouterr().out == "xwz\n"
    (run.parent / "new.txt").write_text("ab\n\ndc\n")
    assert main(["predict", str(run), str(run.parent / "new.txt")]) == 0
    assert capsys.readouterr().out == "xw\n\nyz\n"
    assert main(["evaluate", str(run), str(run.parent / "pairs.csv")]) == 0
    assert "bleu: " in capsys.readouterr().out
    report = (run / "report.html").read_text()
    for words in ("sacrebleu", "Attention", "The worst answers"):
        assert words in report


def test_a_source_is_translated_the_same_alone_and_beside_others(run):
    model = Translator.load(run)
    together = model.n_best(["ab", "dcba", "c"], 2)
    for place, source in enumerate(["ab", "dcba", "c"]):
        alone = model.n_best([source], 2)[0]
        assert [text for text, _ in alone] == [text for text, _ in together[place]]
        for one, other in zip(alone, together[place], strict=True):
            assert_agrees(other[1], one[1], tolerance=FIGURE)


def test_it_goes_on_to_the_same_bits(tmp_path, monkeypatch):
    monkeypatch.setattr(translator, "render", lambda page: "")
    X, y = turned(60)
    compute, calls = TargetJob.compute, [0]

    def interrupted(self, *arguments):
        calls[0] += 1
        if calls[0] == 7:
            os.kill(os.getpid(), signal.SIGINT)
        return compute(self, *arguments)

    def model(out):
        more = {"epochs": 3, "dropout": 0.3, "attention": "additive", "cell": "lstm", "beam": 1}
        return Translator(out=tmp_path / out, **SMALL | more)

    model("whole").fit(X, y)
    with monkeypatch.context() as patch:
        patch.setattr(TargetJob, "compute", interrupted)
        with pytest.raises(Interrupted):
            model("cut").fit(X, y)
    model("cut").fit(X, y, resume=True)
    ours, theirs = (RunFolder.open(tmp_path / one).read_weights() for one in ("whole", "cut"))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_what_the_decoder_is_given_and_is_to_say():
    before, after = shifted(torch.tensor([[5, 7], [6, 0]]), torch.tensor([2, 1]))
    assert before.T.tolist() == [[0, 5, 6], [0, 7, 0]]
    assert after.T.tolist() == [[5, 6, 0], [7, 0, NOTHING]]
    before, after = shifted(torch.zeros(0, 1, dtype=torch.long), torch.tensor([0]))
    assert (before.tolist(), after.tolist()) == ([[0]], [[0]])


def test_two_files_and_what_has_no_partner(tmp_path):
    (tmp_path / "a").write_text("one\ntwo\n\nfour\n")
    (tmp_path / "b").write_text("eins\n\n\nvier\n")
    found = read_pairs(tmp_path / "a", tmp_path / "b")
    assert (found.sources, found.targets) == (["one", "four"], ["eins", "vier"])
    assert list(found.notes) == ["1 of 3 pairs have no partner and were left out"]
    (tmp_path / "b").write_text("eins\n")
    with pytest.raises(DataError, match=r"has 4 lines and .* 1: line by line"):
        read_pairs(tmp_path / "a", tmp_path / "b")
    with pytest.raises(DataError, match="is not a table"):
        read_pairs(tmp_path / "a")


@pytest.mark.parametrize(
    ("X", "y", "words"),
    [
        ("text", ["a"], "for one text write"),
        ([], [], "and there is none"),
        (["a", 3], ["b", "c"], "row 2 is not text"),
        (["a"], ["b", "c"], "there are 1 sources and 2 targets"),
    ],
)
def test_pairs_that_make_no_sense(X, y, words):
    with pytest.raises(ArgumentError) as error:
        Translator(**SMALL).fit(X, y)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("train translate {run}/../pairs.csv --from-column wrod", "did you mean 'word'"),
        ("train translate {run}/../pairs.csv --attention none", "no choice 'none'"),
        ("train translate {run}/../pairs.csv --test-target x", "name both"),
        ("train translate {run}/../pairs.csv --beam 0", "beam is a whole number"),
        ("predict {run} text --probabilities", "--probabilities is of classes"),
        ("predict {run} text --word x", "--word says nothing to"),
    ],
)
def test_what_a_person_gets_wrong_is_answered_in_a_sentence(run, capsys, line, words, tmp_path):
    out = ["--out", str(tmp_path / "new")] if line.startswith("train") else []
    assert main([*line.format(run=run).split(), *out]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert not (tmp_path / "new").exists()
