"""The linear model beside the networks of texts: what it learns, keeps, and says of new rows."""

import threading

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer

from tests.made_up import opinions
from tests.tolerances import EXACT, FLOAT64, assert_agrees
from unrolled.tasks.classify import counting, plan
from unrolled.tasks.classify.classifier import Classifier
from unrolled.tasks.classify.ngrams import LinearTexts, NGrams
from unrolled.tasks.tokens import Tokens

SMALL = {"hidden": 8, "embedding": 8, "epochs": 2, "lr": 0.02, "batch_size": 16}


def fitted(count=60):
    texts, labels = opinions(count)
    classes = np.unique(labels, return_inverse=True)[1]
    ngrams, rarity = NGrams.fit(texts)
    model = LinearTexts(ngrams, 2)
    folds = np.arange(count) % 3
    left_out = model.fit(texts, rarity, classes, folds, torch.ones(2))
    return model, texts, classes, left_out


def test_it_learns_and_judges_rows_by_fits_without_them():
    model, texts, classes, left_out = fitted()
    new, labels = opinions(60, seed=1)
    truth = np.unique(labels, return_inverse=True)[1]
    assert (model.scores(new).argmax(1) == truth).mean() > 0.9
    assert (left_out.argmax(1) == classes).mean() > 0.8
    assert np.abs(left_out - model.scores(texts)).max() > 1e-3


def test_what_a_run_keeps_says_the_same():
    model, texts, *_ = fitted()
    again = LinearTexts(NGrams.from_dict(model.ngrams.as_dict()), 2)
    again.load_state_dict(model.state_dict())
    assert_agrees(again.scores(texts), model.scores(texts), tolerance=EXACT)


def test_ngrams_are_counted_as_scikit_learn_counts_them(monkeypatch):
    monkeypatch.setattr(counting, "AT_ONCE", 40)  # several batches
    monkeypatch.setattr(counting, "KNOWN_WORDS", 3)  # what is kept is forgotten now and then
    learned = ["a film, a film!", "don't über_all", "x y  z", "İstanbul is far"]
    ngrams, rarity = NGrams.fit(learned)
    texts = [*learned, "", " \n", "a", "\u3000a a\u00a0a a", "film film far unheard-of", "z" * 40]
    found = ngrams.features(texts, rarity).toarray()
    first = 0
    for terms, more in (
        (ngrams.words, {"ngram_range": (1, 2), "token_pattern": counting.WORD_OR_SIGN.pattern}),
        (ngrams.characters, {"ngram_range": (2, 5), "analyzer": "char_wb"}),
    ):
        vectorizer = TfidfVectorizer(
            vocabulary={term: place for place, term in enumerate(terms)}, sublinear_tf=True, **more
        )
        vectorizer.idf_ = rarity[first : first + len(terms)].double().numpy()
        expected = vectorizer.transform(texts).toarray()
        assert_agrees(found[:, first : first + len(terms)], expected, tolerance=FLOAT64)
        first += len(terms)


def test_texts_without_a_sign_have_no_ngrams():
    ngrams, rarity = NGrams.fit(["", " ", "\n"])
    assert ngrams is None
    assert len(rarity) == 0
    Classifier(**SMALL).fit(["", " ", "\n"] * 4, ["a", "b", "a"] * 4).predict([""])


def test_a_class_that_a_fold_does_not_have():
    texts, labels = opinions(40)
    classes = np.unique(labels, return_inverse=True)[1]
    texts, classes = [*texts, "odd"], np.append(classes, 2)
    ngrams, rarity = NGrams.fit(texts)
    model = LinearTexts(ngrams, 3)
    left_out = model.fit(texts, rarity, classes, np.arange(41) % 2, torch.ones(3))
    assert np.isfinite(left_out).all()
    assert model.scores(["odd"]).argmax() == 2


@pytest.mark.parametrize("linear", [True, pytest.param(False, marks=pytest.mark.exhaustive)])
def test_a_run_with_and_without_the_linear_model(tmp_path, linear):
    X, y = opinions(40)
    model = Classifier(linear=linear, out=tmp_path / "run", **SMALL).fit(X, y)
    again = Classifier.load(tmp_path / "run")
    assert np.array_equal(model.predict_proba(X), again.predict_proba(X))
    assert (again.model_.linear is None) is not linear


@pytest.mark.parametrize(
    ("kind", "count", "wanted"),
    [("char", 5, "It is"), ("word", 2, "It is"), ("word", 9, "It is, so.")],
)
def test_the_part_of_a_text_that_is_read(kind, count, wanted):
    assert Tokens(kind).beginning("It is, so.", count) == wanted


def test_the_part_of_a_text_that_is_read_of_bpe():
    tokens = Tokens.fit("bpe", ["it is good and so on"] * 9, 300)
    text = "it is good and so on"
    found = tokens.beginning(text, 3)
    assert text.startswith(found)
    assert tokens.encode(found).tolist() == tokens.encode(text)[:3].tolist()


def test_what_foreign_code_fits_leaves_the_main_thread_free_for_signals(monkeypatch):
    """A solver that runs for minutes never lets Python look at a signal."""
    where = []
    fit = LinearTexts.fit

    def watched(self, *given):
        where.append(threading.current_thread())
        return fit(self, *given)

    monkeypatch.setattr(LinearTexts, "fit", watched)
    Classifier(**SMALL | {"epochs": 1}).fit(*opinions(24))
    assert where
    assert threading.main_thread() not in where


def test_of_many_texts_the_linear_model_reads_a_sample(monkeypatch, capsys):
    monkeypatch.setattr(plan, "MOST_READ", 1_500)
    X, y = opinions(80)
    model = Classifier(hidden=3, epochs=1, members=2).fit(X, y)
    few = model.linear_rows_
    assert 0 < len(few) < 80
    assert sum(len(X[row]) for row in model.rows_["train"][few]) <= 1_500
    assert f"learns from {len(few)} of the 80 training rows" in capsys.readouterr().err
    assert np.array_equal(model.rows_["validation"], model.rows_["train"][few])
    assert model.model_.linear.weight.abs().max() > 0
