"""Lab `classify`: the tasks are fair, and the models see what they should."""

import numpy as np
import pytest
import torch

from tests.tolerances import FLOAT32, assert_agrees
from unrolled.errors import UnrolledError
from unrolled.labs.classify import models, page, texts
from unrolled.labs.classify.words import guesses, is_clear

FILE = "\n".join(
    f"{label}\tthe {word} is number {n} of {n + 1}"
    for n in range(30)
    for label, word in (("a", "cat"), ("b", "dog"))
)


def test_the_sentences_that_come_with_python_are_enough() -> None:
    task = texts.topic(None, 0, 4000)
    assert task.classes == texts.PACKAGES
    assert len(task.train) > 2000
    assert len(task.test) > 500
    assert not {words for words, _ in task.train} & {words for words, _ in task.test}


def test_both_forms_of_a_sentence_are_on_the_same_side() -> None:
    task = texts.order(FILE, 0, 100)
    for pairs in (task.train, task.test):
        forms: dict[tuple[str, ...], list[int]] = {}
        for words, label in pairs:
            forms.setdefault(tuple(sorted(words)), []).append(label)
        assert all(labels == [0, 1] for labels in forms.values())
    assert task.guessing == 0.5


def test_the_vocabulary_is_that_of_the_training_sentences() -> None:
    task = texts.topic(FILE, 0, 60)
    assert set(task.vocabulary) == {word for words, _ in task.train for word in words}
    assert task.encode(["the", "unheard"])[1] == texts.UNKNOWN
    assert texts.UNKNOWN not in task.vocabulary.values()


def test_a_text_with_two_labels_is_left_out() -> None:
    pairs = texts.labelled("a\tsame words here\nb\tsame words here\nb\tother words\nb\tother words")
    assert pairs == [(("other", "words"), "b")]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a\tone\nno tab here", "line 2 of --file has no tab: write a label, a tab and the text in "
                                "each line"),
        ("\n".join(f"a\tnumber {n}" for n in range(50)),
         "--file gives 50 different texts with 1 labels: it takes 40 and 2, or more"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_said(text: str, sentence: str) -> None:
    with pytest.raises(UnrolledError) as caught:
        texts.topic(text, 0, 4000)
    assert str(caught.value) == sentence


@pytest.fixture(scope="module")
def task() -> texts.Task:
    return texts.topic(FILE, 0, 60)


@pytest.mark.parametrize("name", models.NAMES)
def test_padding_is_not_read(name: str, task: texts.Task) -> None:
    torch.manual_seed(0)
    model = models.build(name, task, 5)
    long, short = task.train[0][0], task.train[1][0][:2]
    pairs = [(long, 0), (short, 1)]
    words, lengths, _ = next(models.batches(task, pairs, np.arange(2)))
    together = model(words, lengths).detach().numpy()
    alone = model(words[:2, 1:], lengths[1:]).detach().numpy()
    assert_agrees(together[1:], alone, tolerance=FLOAT32)
    words[2:, 1] = 1
    assert_agrees(model(words, lengths).detach().numpy(), together, tolerance=FLOAT32)


def test_the_mean_of_the_words_does_not_see_their_order(task: texts.Task) -> None:
    torch.manual_seed(0)
    words = torch.tensor(task.encode(task.train[0][0]))[:, None]
    length = torch.tensor([len(words)])
    plain, lstm = (models.build(name, task, 5) for name in ("feed-forward", "LSTM"))
    for model, same in ((plain, True), (lstm, False)):
        there, back = (model(w, length).detach().numpy() for w in (words, words.flip(0)))
        assert (np.abs(there - back).max() < 1e-6) == same


def test_training_learns_an_easy_task_and_counts_rightly(task: texts.Task) -> None:
    result = models.train("RNN", task, 8, 60, 0, lambda: None)
    assert len(result.test_accuracy) == 60
    assert result.loss[-1] < result.loss[0]
    assert result.test_accuracy[-1] == 1.0
    counts = models.confusion(result)
    assert counts.sum() == len(task.test)
    assert np.trace(counts) / counts.sum() == result.test_accuracy[-1]
    rows = models.word_by_word(result, task.test[0][0])
    assert rows.shape == (len(task.test[0][0]), 2)
    assert_agrees(rows.sum(axis=1).astype(np.float32), np.ones(len(rows), np.float32),
                  tolerance=FLOAT32)  # fmt: skip


def test_what_is_clear_depends_on_the_size_of_the_test(task: texts.Task) -> None:
    def scored(accuracy: float, count: int) -> models.Trained:
        test = [(("a",), n % 2) for n in range(count)]
        shown = texts.Task("t", ("x", "y"), {}, [], test)
        return models.Trained("m", shown, torch.nn.Identity(), 0, test_accuracy=[accuracy])

    assert not is_clear(scored(0.80, 100), scored(0.75, 100))
    assert is_clear(scored(0.80, 10_000), scored(0.75, 10_000))
    assert guesses(scored(0.52, 100))
    assert not guesses(scored(0.52, 10_000))


def test_the_worked_example_is_one_that_the_lstm_gets_right(task: texts.Task) -> None:
    lstm = models.Trained("LSTM", task, torch.nn.Identity(), 0)
    wrong = [(label + 1) % len(task.classes) for _, label in task.test]
    lstm.predicted = list(wrong)
    lstm.predicted[2] = task.test[2][1]
    assert page.example({"topic": {"LSTM": lstm}}) == task.test[2]
    lstm.predicted = wrong  # it gets none right: some sentence is shown all the same
    assert page.example({"topic": {"LSTM": lstm}}) in task.test
