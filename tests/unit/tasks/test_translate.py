"""A translator learns to turn words round, keeps it in a run, and is asked from a shell."""

import json
import os
import signal

import numpy as np
import pytest
import torch

from tests.tolerances import FIGURE, assert_agrees
from unrolled.cli import main
from unrolled.data.pairs import read_pairs
from unrolled.errors import ArgumentError, DataError
from unrolled.tasks import estimator
from unrolled.tasks.target_job import NOTHING, TargetJob, own_instead, shifted
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


def test_several_answers_are_asked_for_from_a_shell(run, capsys):
    model = Translator.load(run)
    assert main(["predict", str(run), "abc", "--best", "3"]) == 0
    printed = capsys.readouterr().out
    lines = [f"{score:.4f}\t{text}\n" for text, score in model.n_best(["abc"], 3)[0]]
    assert len(lines) == 3
    assert printed == "".join(lines) + "\n"
    ask = ["predict", str(run), "abc", "--temperature", "2", "--best", "8", "--seed", "1"]
    assert main(ask) == 0
    drawn = capsys.readouterr().out
    assert main(ask) == 0
    assert capsys.readouterr().out == drawn
    assert len({line.split("\t")[1] for line in drawn.splitlines() if line}) > 1
    cold = {text for text, _ in model.sample(["ab"], 5, temperature=0.01)[0]}
    assert cold == {"xw"}


def test_a_given_target_is_aligned_and_scored(run, capsys):
    model = Translator.load(run)
    found = model.align(["abc", "d"], ["yxw", "z"])
    assert (found[0].source, found[0].target) == (list("abc"), ["y", "x", "w", "(end)"])
    assert_agrees(found[0].weights.sum(1, dtype=np.float64), np.ones(4), tolerance=FIGURE)
    inputs = torch.from_numpy(model.sources_.encode("abc"))[:, None], torch.tensor([3])
    (best,) = model.answers(inputs, 1, unknown=True)[0]
    said = model.align(["abc"], [model.targets_.decode(best.tokens)])[0]
    assert_agrees(said.log_p / ((5 + len(said.target)) / 6), best.score, tolerance=FIGURE)
    assert found[0].log_p > model.align(["abc"], ["zzz"])[0].log_p
    (run.parent / "one").write_text("abc\n")
    (run.parent / "other").write_text("yxw\n")
    words = ["--align", "--target", str(run.parent / "other")]
    assert main(["predict", str(run), str(run.parent / "one"), *words]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["target"] == list("yxw")
    assert said["looked_at"] == found[0].weights[:3].argmax(1).tolist()


def test_an_unknown_word_is_copied_from_where_it_was_looked_at():
    draw = np.random.default_rng(0)
    known = {"eins": "one", "zwei": "two", "drei": "three", "vier": "four"}
    names = ["".join(draw.choice(list("abcdefgh"), 5)) for _ in range(300)]  # each stands once
    X = [" ".join(draw.permutation([*draw.choice(list(known), 2), name])) for name in names]
    y = [" ".join(known.get(word, word) for word in text.split()) for text in X]
    how = {**SMALL, "validation": 0, "source_tokens": "word", "target_tokens": "word"}
    model = Translator(**how).fit(X, y)
    assert model.predict(["eins Zorro drei"]) == ["one zorro three"]
    model.copy = False
    assert "zorro" not in model.predict(["eins Zorro drei"])[0]


def test_what_was_read_out_can_be_fed_back_and_own_tokens_can_stand_in():
    X, y = turned(60)
    how = {**SMALL, "epochs": 2, "validation": 0, "input_feeding": True, "scheduled_sampling": 0.3}
    model = Translator(**how).fit(X, y)
    assert len(model.predict(["ab"])) == 1
    losses = [epoch["train_loss"] for epoch in model.history_]
    assert losses[1] < losses[0]
    before = torch.tensor([[0, 0], [3, 4], [4, 0], [3, 0]])
    inputs = torch.tensor([[3, 4]]), torch.tensor([1, 1])
    assert torch.equal(own_instead(model.model_, before, inputs, 0.0), before)
    other = own_instead(model.model_, before, inputs, 1.0)
    assert (other[0] == 0).all()
    assert (other[2:, 1] == 0).all()  # behind the end nothing is replaced


def test_it_goes_on_to_the_same_bits(tmp_path, monkeypatch):
    monkeypatch.setattr(estimator, "render", lambda page: "")
    X, y = turned(60)
    compute, calls = TargetJob.compute, [0]

    def interrupted(self, *arguments):
        calls[0] += 1
        if calls[0] == 7:
            os.kill(os.getpid(), signal.SIGINT)
        return compute(self, *arguments)

    def model(out):
        more = {"epochs": 3, "dropout": 0.3, "attention": "additive", "cell": "lstm", "beam": 1,
                "scheduled_sampling": 0.2}  # fmt: skip
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
    assert list(found.notes) == ["1 of 3 pairs are incomplete and were left out"]
    (tmp_path / "b").write_text("eins\n")
    with pytest.raises(DataError, match=r"has 4 lines and .* has 1: their lines"):
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
        ("train translate {run}/../pairs.csv --test-target x", "give both"),
        ("train translate {run}/../pairs.csv --beam 0", "beam must be an integer"),
        ("predict {run} text --probabilities", "--probabilities is for classes"),
        ("predict {run} text --word x", "--word does not apply to"),
        ("predict {run} text --best 0", "--best must be an integer"),
        ("predict {run} text --temperature 0", "temperature must be a number above 0"),
        ("predict {run} text --seed 3", "without it nothing is random"),
        ("predict {run} text --align --best 2", "leave one of them out"),
        ("predict {run} text --target x", "add --align"),
    ],
)
def test_what_a_person_gets_wrong_is_answered_in_a_sentence(run, capsys, line, words, tmp_path):
    out = ["--out", str(tmp_path / "new")] if line.startswith("train") else []
    assert main([*line.format(run=run).split(), *out]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert not (tmp_path / "new").exists()
