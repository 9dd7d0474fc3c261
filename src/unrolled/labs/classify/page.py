"""What the page shows. In: the trained models. Out: sections; next: `words` talks about them."""

from __future__ import annotations

from torch import nn

from unrolled.cells import LSTM, Elman
from unrolled.cells.base import equation
from unrolled.labs.classify import models, texts
from unrolled.labs.classify.models import BATCH, CLIP, RATE, Trained, word_by_word
from unrolled.report.blocks import Code, Figure, Math, Prose, Table, code_of
from unrolled.report.drawing import Panel
from unrolled.report.figures import bars, confusion_matrix, curves, heat_map
from unrolled.report.numbers import number, percent

Runs = dict[str, dict[str, Trained]]

AIM = """
To classify texts with a recurrent network, and to find out when recurrence is worth its cost.
Two tasks are learned by the same three models:

- **topic**: which class does a sentence belong to? The words alone are informative.
- **order**: is the sentence in its original order, or have its words been shuffled? The words
  alone carry no information: each sentence occurs in both forms.
"""


def theory() -> list[Prose | Math]:
    return [
        Prose(
            "A word is a number from a vocabulary; the **embedding** gives each word a vector that "
            "is learned like any other weight. The **simple recurrent network** reads one vector "
            "after another:"
        ),
        Math(equation(Elman).latex, "elman"),
        Prose("and so does the **LSTM**, with gates:"),
        Math(equation(LSTM).latex, "lstm"),
        Prose(
            "The last state goes through a linear layer, and softmax makes probabilities of it; "
            "the loss is the cross-entropy:"
        ),
        Math(
            r"y = V h_T + c, \qquad p_k = \frac{\exp(y_k)}{\sum_j \exp(y_j)}, \qquad "
            r"L = -\log p_{\text{class}}",
            "loss",
        ),
        Prose("The **feed-forward network** beside them takes the mean of all words instead:"),
        Math(
            r"h = \operatorname{relu}\left(W \frac{1}{T} \sum_{t=1}^{T} x_t + b\right)",
            "feed-forward",
            "A mean does not change when its terms change places.",
        ),
        Prose(
            "The predictions: in *order* the feed-forward network can only guess; in *topic* it "
            "may do well; and the LSTM, which keeps the first words until the last, should beat "
            "the simple network in both."
        ),
    ]


def example(runs: Runs) -> tuple[texts.Words, int]:
    """A test sentence of about ten words, one that the LSTM gets right if there is any."""
    lstm = runs["topic"]["LSTM"]
    pairs = zip(lstm.task.test, lstm.predicted, strict=True)
    pair, _ = min(pairs, key=lambda one: (one[0][1] != one[1], abs(len(one[0][0]) - 10), one[0]))
    return pair


def steps(runs: Runs) -> list[Prose | Table]:
    result = runs["topic"]["LSTM"]
    task, (words, label) = result.task, example(runs)
    probabilities = word_by_word(result, words)
    embedding = result.model.get_submodule("embedding")
    assert isinstance(embedding, nn.Embedding)
    vectors = embedding.weight.detach().numpy()
    order = runs["order"]["LSTM"].task
    return [
        Prose(
            f"1. Split each sentence into words. The {number(len(task.vocabulary))} most frequent "
            "words of the training sentences get a number, all others the number 0.\n"
            f"2. Take {BATCH} sentences side by side; the shorter ones are padded at the end, and "
            "the layer does not read what is padded.\n"
            f"3. Forward, loss, backward, clip the norm of the gradient at {CLIP:g}, one step of "
            f"Adam with the rate {RATE:g}.\n"
            "4. After each epoch, test on a fifth of the sentences, which are never learned from. "
            "Nothing is chosen by the test.\n\n"
            f"The topic task has {number(len(task.train))} sentences to learn from and "
            f"{number(len(task.test))} to test with, in {len(task.classes)} classes; the order "
            f"task {number(len(order.train))} and {number(len(order.test))}. One sentence of the "
            f"test, of the class *{task.classes[label]}*, as the trained LSTM reads it:"
        ),
        Table(
            "reading",
            "The probability of the right class, if the sentence ended after this word.",
            ["word", "its number", "first two of its vector", "p(right class)"],
            [
                [f"`{word}`" if "`" not in word else "backquote", code,
                 f"{vectors[code][0]:.3f}, {vectors[code][1]:.3f}", float(row[label])]
                for word, code, row in zip(words, task.encode(words), probabilities, strict=True)
            ],
            digits=3,
        ),
    ]  # fmt: skip


def code() -> list[Prose | Code]:
    return [
        Prose("The recurrent model; `layer` is `unrolled.RNN` or `unrolled.LSTM`:"),
        code_of(models.Recurrent),
        Prose("The feed-forward model:"),
        code_of(models.FeedForward),
        Prose("And how the order task is made:"),
        code_of(texts.order),
    ]


def result(runs: Runs) -> list[Prose | Figure | Table]:
    return [
        _history(runs, "topic"),
        _history(runs, "order"),
        *_accuracies(runs),
        *_looks(runs),
    ]


def _accuracies(runs: Runs) -> list[Figure | Table]:
    """How each model ends."""
    return [
        Figure(
            "accuracies",
            "Accuracy on the test after the last epoch",
            [
                bars(
                    {name: one.test_accuracy[-1] for name, one in runs[task].items()},
                    y_label="accuracy", title=task,
                    levels={"guessing": next(iter(runs[task].values())).task.guessing},
                )
                for task in runs
            ],
            "Three bars for each task, and what guessing would give.",
            "Guessing means: always the most frequent class.",
        ),
        Table(
            "final",
            "Every model after its last epoch.",
            ["task", "model", "weights", "training loss", "test loss", "training accuracy",
             "test accuracy"],
            [[task, name, one.weights, one.loss[-1], one.test_loss[-1], percent(one.accuracy[-1]),
              percent(one.test_accuracy[-1])]
             for task, all_of in runs.items() for name, one in all_of.items()],
            digits=3,
        ),
    ]  # fmt: skip


def _looks(runs: Runs) -> list[Figure]:
    """What is confused, and how an example is read."""
    best, lstm = best_of(runs["topic"]), runs["topic"]["LSTM"]
    words, label = example(runs)
    classes = best.task.classes
    return [
        Figure(
            "confusion",
            f"Topic: what the {best.name} confuses",
            confusion_matrix(models.confusion(best), classes),
            "A table of true classes against predicted ones, most of it on the diagonal.",
            "The model with the best test accuracy. Numbers are sentences, colours their share of "
            "the true class.",
        ),
        Figure(
            "words",
            "Topic: the LSTM makes up its mind word by word",
            heat_map(
                word_by_word(lstm, words).T, x_label="word read", y_label="class",
                unit="probability", columns=list(words), rows=list(classes), limits=(0.0, 1.0),
            ),
            "A heat map: classes in rows, words in columns.",
            f"The right class is {classes[label]}; after the last word the LSTM says "
            f"{classes[int(word_by_word(lstm, words)[-1].argmax())]}.",
        ),
    ]  # fmt: skip


def best_of(trained: dict[str, Trained]) -> Trained:
    return max(trained.values(), key=lambda one: one.test_accuracy[-1])


def _history(runs: Runs, task: str) -> Figure:
    def panel(title: str, name: str, unit: str) -> Panel:
        return curves(
            {model: getattr(one, name) for model, one in runs[task].items()},
            x_label="epoch", y_label=unit, title=title,
        )  # fmt: skip

    return Figure(
        f"{task}-history",
        f"{task.capitalize()}: loss and accuracy over the epochs",
        [
            panel("Training loss", "loss", "loss (nats)"),
            panel("Test loss", "test_loss", "loss (nats)"),
            panel("Training accuracy", "accuracy", "accuracy"),
            panel("Test accuracy", "test_accuracy", "accuracy"),
        ],
        "Four panels with a line for each model.",
        "Where the training loss falls on and the test loss rises, the network overfits.",
    )
