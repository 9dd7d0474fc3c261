"""A tagger learns a rule, keeps it in a run, and is asked from the command line."""

import json
import os
import signal

import pytest
import torch

from tests.made_up import names_in_sentences
from tests.tolerances import FIGURE, assert_agrees
from unrolled.cli import main
from unrolled.data.schemes import Span, spans
from unrolled.errors import ArgumentError
from unrolled.tasks import estimator
from unrolled.tasks.tag import answers
from unrolled.tasks.tag.figures import Tally, scores
from unrolled.tasks.tag.job import TagJob
from unrolled.tasks.tag.tagger import Tagger
from unrolled.training.interrupts import Interrupted
from unrolled.training.run_folder import RunFolder

pytestmark = pytest.mark.drawn

SMALL = {
    "hidden": 8, "embedding": 6, "character_size": 6, "character_embedding": 4,
    "epochs": 8, "lr": 0.03, "batch_size": 8, "dropout": 0.1,
}  # fmt: skip


def as_conll(sentences, tags):
    pairs = (zip(*one, strict=True) for one in zip(sentences, tags, strict=True))
    return "\n".join("".join(f"{word}\t{tag}\n" for word, tag in one) for one in pairs)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run that has learned who is a person, from the command line."""
    place = tmp_path_factory.mktemp("tag")
    (place / "names.conll").write_text(as_conll(*names_in_sentences()))
    words = [f"--{k.replace('_', '-')}={v}" for k, v in SMALL.items()]
    out = ["--out", str(place / "run"), "--quiet"]
    assert main(["train", "tag", str(place / "names.conll"), *words, *out]) == 0
    return place / "run"


@pytest.mark.parametrize("characters", ["recurrent", "convolution", "none"])
def test_it_learns_spans(characters):
    X, y = names_in_sentences(160)
    model = Tagger(characters=characters, **SMALL).fit(X[:120], y[:120])
    if characters == "none":  # nothing is left to know most names by
        assert model.score(X[120:], y[120:]) > 0.5
        return
    assert model.score(X[120:], y[120:]) > 0.9
    assert spans(model.predict([["we", "saw", "Ms", "N3", "O991", "came"]])[0]) == [
        Span(2, 5, "per")
    ]


def test_plain_tags_and_a_cell_of_the_library():
    X, y = names_in_sentences(80)
    plain = [["NAME" if tag != "O" else "WORD" for tag in one] for one in y]
    model = Tagger(cell="gru", layers=2, **SMALL).fit(X, plain, (X[:9], plain[:9]))
    assert model.scheme_ == "plain"
    assert model.score(X, plain) > 0.9
    assert model.history_[-1]["test_accuracy"] > 0.9


def test_a_sentence_is_tagged_the_same_alone_and_beside_a_longer_one():
    X, y = names_in_sentences(60)
    model = Tagger(layers=2, **SMALL | {"epochs": 1}).fit(X, y)
    short, long = ["Ms", "N1", "came"], ["we", "saw"] * 12
    alone, beside = model.say([short])[0], model.say([short, long])[0]
    assert alone.tags == beside.tags
    assert len(beside.tags) == 3
    as_tensor = [torch.tensor(one.probabilities, dtype=torch.float64) for one in (beside, alone)]
    assert_agrees(*as_tensor, tolerance=FIGURE)
    assert model.say([long, short])[1].tags == alone.tags


def test_what_is_said_always_keeps_to_the_scheme():
    X, y = names_in_sentences(60)
    model = Tagger(**SMALL | {"epochs": 1, "lr": 1e-4}).fit(X, y)
    for tags in model.predict(X):
        assert all(before != "O" for before, tag in zip(["O", *tags], tags) if tag == "I-per")


def test_it_goes_on_to_the_same_bits(tmp_path, monkeypatch):
    monkeypatch.setattr(estimator, "render", lambda page: "")
    X, y = names_in_sentences(60)
    compute, calls = TagJob.compute, [0]

    def interrupted(self, *arguments):
        calls[0] += 1
        if calls[0] == 11:
            os.kill(os.getpid(), signal.SIGINT)
        return compute(self, *arguments)

    def model(out):
        return Tagger(out=tmp_path / out, **SMALL | {"epochs": 3, "dropout": 0.4})

    model("whole").fit(X, y)
    with monkeypatch.context() as patch:
        patch.setattr(TagJob, "compute", interrupted)
        with pytest.raises(Interrupted):
            model("cut").fit(X, y)
    model("cut").fit(X, y, resume=True)
    ours, theirs = (RunFolder.open(tmp_path / one).read_weights() for one in ("whole", "cut"))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_run_answers_in_each_form_and_holds_its_report(run, capsys, tmp_path):
    assert main(["predict", str(run), "We saw Ms N2 O55 came."]) == 0
    answer = json.loads(capsys.readouterr().out)
    (found,) = answer["spans"]
    assert (found["text"], found["kind"]) == ("Ms N2 O55", "per")
    assert answer["text"][found["begin"] : found["end"]] == "Ms N2 O55"
    assert 0.5 < found["probability"] <= 1

    assert main(["predict", str(run), "Ms N2 came", "--format", "conll"]) == 0
    assert capsys.readouterr().out.splitlines()[:3] == ["Ms\tB-per", "N2\tI-per", "came\tO"]
    out = tmp_path / "tagged.html"
    assert main(["predict", str(run), "<Ms N2 came", "--format", "html", "--out", str(out)]) == 0
    assert "Ms N2<small>per</small></mark>" in out.read_text()
    assert "<p>&lt;<mark" in out.read_text()

    words = tmp_path / "words.conll"
    words.write_text("Ms\nN2\ncame\n\nit\n")
    assert main(["predict", str(run), str(words)]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["spans"][0]["text"] == "Ms N2"
    assert second == {"text": "it", "spans": []}

    report = (run / "report.html").read_text()
    assert 'id="live"' in report
    for title in ("in conlleval", "The most uncertain sentences", "Transitions between tags"):
        assert title in report


def test_evaluate_counts_what_conlleval_counts(run, capsys):
    source = run.parent / "names.conll"
    assert main(["evaluate", str(run), str(source), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    model = Tagger.load(run)
    X, y = names_in_sentences()
    right = said = there = 0
    for tags, actual in zip(model.predict(X), y, strict=True):
        ours, theirs = set(spans(tags)), set(spans(actual))
        right, said, there = right + len(ours & theirs), said + len(ours), there + len(theirs)
    assert figures["f1"] == 2 * right / (said + there)
    assert figures["sentences"] == len(X)


def test_the_tally_is_conllevals():
    """A span of another kind, or cut short, is both wrong and missed."""
    tally = Tally(["O", "B-a", "I-a", "B-b"], True)
    tally.add([1, 2, 0, 3, 1], [1, 2, 0, 1, 1])  # one kind is wrong
    tally.add([0, 1, 2], [0, 1, 0])  # one is cut short
    assert tally.counts() == (2, 4, 4)
    assert tally.found == {"a": [2, 4, 3], "b": [0, 0, 1]}
    assert scores(2, 5, 4) == {"precision": 0.4, "recall": 0.5, "f1": 4 / 9}
    assert scores(0, 0, 0) == {"precision": 0.0, "recall": 0.0, "f1": 0.0}


def test_a_text_teaches_to_restore_it(tmp_path, capsys):
    text = tmp_path / "book.txt"
    lines = [f"{one} came, and Ada saw it." for one in ("Ada", "He", "She") for _ in range(20)]
    text.write_text("\n".join(f"{line} {number}" for number, line in enumerate(lines)))
    small = [f"--{k.replace('_', '-')}={v}" for k, v in SMALL.items()]
    words = ["--restore", "punctuation", "--out", str(tmp_path / "run"), "--quiet"]
    assert main(["train", "tag", str(text), *small, *words]) == 0
    assert main(["predict", str(tmp_path / "run"), "ada came and ada saw it"]) == 0
    assert capsys.readouterr().out == "Ada came, and Ada saw it.\n"
    assert main(["evaluate", str(tmp_path / "run"), str(text)]) == 0
    assert "accuracy: " in capsys.readouterr().out
    assert main(["train", "tag", str(text), "--restore", "spaces", "--word", "1"]) == 2
    assert "--word is for files with tags" in capsys.readouterr().err


def test_plain_text_is_cut_and_found_again():
    line = "It's 3.5 km to St. Paul's (in U.S. terms)! Then, @bob said: “no”."
    found = list(answers.sentences_in(line))
    assert [one.text for one in found][-1] == "Then, @bob said: “no”."
    for sentence in found:
        assert sentence.text in line
        for word, (begin, end) in zip(sentence.words, sentence.places, strict=True):
            assert sentence.text[begin:end] == word
    words = [word for one in found for word in one.words]
    assert {"It's", "3.5", "@bob", "“"} <= set(words)
    assert list(answers.sentences_in("  \n")) == []


@pytest.mark.parametrize(
    ("X", "y", "words"),
    [
        ("text", None, "X must be a list of sentences"),
        (["text"], None, "X must be a list of sentences"),
        ([], [], "X contains no word"),
        ([["a"], []], [["O"], []], "sentence 2 contains no word"),
        ([["a"]], [["O"], ["O"]], "there are 1 sentences, and tags of 2"),
        ([["a", "b"]], [["O"]], "sentence 1 has 2 words and 1 tags"),
        ([["a"], ["b"]], [["O"], ["O"]], "nothing to learn"),
    ],
)
def test_sentences_that_make_no_sense(X, y, words):
    with pytest.raises(ArgumentError) as error:
        Tagger(**SMALL).fit(X, y)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("predict {run} gone.conll", "there is no file 'gone.conll'"),
        ("predict {run} text --probabilities", "--probabilities is for classes"),
        ("predict {run} text --text x", "--text does not apply to"),
        ("evaluate {run} {run}/../names.conll --tag 9", "column 9 was requested"),
        ("train tag {run}/../names.conll --characters word", "no choice 'word'"),
        ("train tag {run}/../names.conll --test-share 2", "must be a number from 0 to below 1"),
        ("train tag {run}/../names.conll --word-dropout 1", "word_dropout must be a number from 0"),
        ("train tag {run}/../names.conll --character-size 1", "of at least 2"),
    ],
)
def test_what_a_person_gets_wrong_is_answered_in_a_sentence(run, capsys, line, words, tmp_path):
    out = ["--out", str(tmp_path / "new")] if line.startswith("train") else []
    assert main([*line.format(run=run).split(), *out]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert not (tmp_path / "new").exists()
