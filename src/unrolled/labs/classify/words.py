"""What the numbers say. In: the trained models. Out: discussion, answers, and what was found.

Each sentence is chosen by the measurement; where a number contradicts the theory, it says so.
"""

from __future__ import annotations

import numpy as np

from unrolled.labs.classify.models import Trained, confusion, word_by_word
from unrolled.labs.classify.page import Runs, best_of, example
from unrolled.report.blocks import Question
from unrolled.report.numbers import percent

# Two accuracies on the test set differ by chance by less than about this many standard errors.
CLEAR = 2.0


def shares(trained: dict[str, Trained]) -> str:
    return ", ".join(f"{name} {percent(one.test_accuracy[-1])}" for name, one in trained.items())


def found(runs: Runs) -> list[str]:
    return [f"{task}, test accuracy: {shares(trained)}" for task, trained in runs.items()]


def is_clear(a: Trained, b: Trained) -> bool:
    """Whether the test set is large enough to distinguish the two accuracies."""
    p, q, n = a.test_accuracy[-1], b.test_accuracy[-1], len(a.task.test)
    error = np.sqrt((p * (1 - p) + q * (1 - q)) / n)
    return bool(abs(p - q) > CLEAR * error)


def guesses(one: Trained) -> bool:
    """Whether a model is no better than chance, as far as the test set can tell."""
    p, g, n = one.test_accuracy[-1], one.task.guessing, len(one.task.test)
    return bool(p - g < CLEAR * np.sqrt(g * (1 - g) / n))


def discussion(runs: Runs) -> str:
    return "\n\n".join([_order(runs["order"]), _topic(runs["topic"]), _gates(runs), _heart(runs)])


def _order(trained: dict[str, Trained]) -> str:
    plain = trained["feed-forward"]
    verdict = (
        "as it must, since it cannot see the order of the words"
        if guesses(plain)
        else "**which should be impossible**: the two forms of a sentence give it the same numbers"
    )
    recurrent = [name for name in ("RNN", "LSTM") if not guesses(trained[name])]
    others = (
        f"Models that read the words in order learn it: {' and '.join(recurrent)}"
        if recurrent
        else "The recurrent models did **not** learn it in these epochs either"
    )
    return (
        f"**Order.** {shares(trained)} ([@order-history], [@accuracies]). The feed-forward network "
        f"{'only guesses' if guesses(plain) else 'does better than guessing'}, {verdict}. {others}."
    )


def _topic(trained: dict[str, Trained]) -> str:
    best, plain = best_of(trained), trained["feed-forward"]
    rest = [one for one in trained.values() if one is not best]
    clearly = all(is_clear(best, one) for one in rest)
    if best is plain:
        words = (
            "the network without recurrence is best"
            + ("" if clearly else ", though not by a clear margin over each")
            + ". Which words occur says more here than their order, and a mean of words is easier "
            "to learn: recurrence costs time and gains nothing"
        )
    elif is_clear(best, plain):
        words = f"the {best.name} is clearly better than the mean of the words: order matters here"
    else:
        words = (
            f"the {best.name} is ahead, but its lead over the feed-forward network may be due to "
            "chance: for this task a feed-forward network is enough"
        )
    return f"**Topic.** {shares(trained)} ([@topic-history], [@final]): {words}."


def _gates(runs: Runs) -> str:
    parts = []
    for task, trained in runs.items():
        rnn, lstm = trained["RNN"], trained["LSTM"]
        gap = lstm.test_accuracy[-1] - rnn.test_accuracy[-1]
        if not is_clear(rnn, lstm):
            how = "do not differ clearly on this test set, **against the prediction**"
        elif gap > 0:
            how = f"differ by {100 * gap:.1f} points in favor of the LSTM, as predicted"
        else:
            how = f"differ by {-100 * gap:.1f} points in favor of the simple network, **against "
            how += "the prediction**"
        parts.append(f"in *{task}* the two {how}")
    return (
        "**Does the LSTM remember better?** Compared with the simple network: "
        f"{'; '.join(parts)} ([@final])."
    )


def _heart(runs: Runs) -> str:
    found = []
    for task, trained in runs.items():
        for name, one in trained.items():
            least = int(np.argmin(one.test_loss))
            if one.test_loss[-1] > 1.05 * one.test_loss[least]:
                found.append(f"{name} in *{task}* (lowest after epoch {least + 1})")
    if not found:
        return "**Overfitting?** In no run did the test loss rise again ([@topic-history])."
    return (
        "**Overfitting?** The test loss rose again for "
        + ", ".join(found)
        + ", while the training loss kept falling: from then on the network memorized the training "
        "sentences. Early stopping on a separate validation set would prevent it "
        "([@topic-history], [@order-history])."
    )


def questions(runs: Runs) -> list[Question]:
    return [*_about_tasks(runs), *_about_numbers(runs)]


def _about_tasks(runs: Runs) -> list[Question]:
    plain = runs["order"]["feed-forward"]
    best = best_of(runs["topic"])
    counts = confusion(best)
    wrong = counts - np.diag(np.diag(counts))
    true, taken = np.unravel_index(int(wrong.argmax()), wrong.shape)
    classes = best.task.classes
    return [
        Question(
            "Why can the feed-forward network not learn the order task, however long it is "
            "trained?",
            "It sees only the mean of the words, which is the same for a shuffled sentence. Its "
            f"accuracy is {percent(plain.test_accuracy[-1])}.",
            ["feed-forward", "accuracies"],
        ),
        Question(
            "Which two topics are confused most often?",
            f"*{classes[true]}* is mistaken for *{classes[taken]}* in {int(wrong[true, taken])} of "
            f"{int(counts[true].sum())} sentences."
            if wrong.any()
            else "None: every sentence of the test set is classified correctly.",
            ["confusion"],
        ),
    ]


def _about_numbers(runs: Runs) -> list[Question]:
    lstm, best = runs["topic"]["LSTM"], best_of(runs["topic"])
    words, label = example(runs)
    right = word_by_word(lstm, words)[:, label]
    surest = int(np.argmax(np.diff(right, prepend=1 / len(best.task.classes))))
    return [
        Question(
            "Which word tells the LSTM most about the example?",
            f"At `{words[surest]}` the probability of the true class rises most, to "
            f"{percent(float(right[surest]), 0)}; after the last word it is "
            f"{percent(float(right[-1]), 0)}.",
            ["reading", "words"],
        ),
        Question(
            "Is a difference of one percentage point between two models a result?",
            f"Not here. With {len(best.task.test)} test sentences, two accuracies near "
            f"{percent(best.test_accuracy[-1], 0)} differ by chance by up to "
            f"{percent(2 * float(np.sqrt(2 * _variance(best))), 1)}. "
            "This page calls only larger differences clear.",
            ["final"],
        ),
    ]


def _variance(one: Trained) -> float:
    p = one.test_accuracy[-1]
    return p * (1 - p) / len(one.task.test)
