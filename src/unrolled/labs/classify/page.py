"""The page's tables and figures. In: the trained models. Out: sections. Next: `words`."""

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
            "Each word is a number from a vocabulary. The **embedding** gives it a vector, which "
            "is learned like any other weight. The **simple recurrent network** reads these "
            "vectors one after another:"
        ),
        Math(equation(Elman).latex, "elman"),
        Prose("The **LSTM** does the same with gates:"),
        Math(equation(LSTM).latex, "lstm"),
        Prose(
            "A linear layer and a softmax turn the last state into probabilities; the loss is the "
            "cross-entropy:"
        ),
        Math(
            r"y = V h_T + c, \qquad p_k = \frac{\exp(y_k)}{\sum_j \exp(y_j)}, \qquad "
            r"L = -\log p_{\text{class}}",
            "loss",
        ),
        Prose("For comparison, the **feed-forward network** takes the mean of all words:"),
        Math(
            r"h = \operatorname{relu}\left(W \frac{1}{T} \sum_{t=1}^{T} x_t + b\right)",
            "feed-forward",
            "A mean does not depend on the order of its terms.",
        ),
        Prose(
            "The predictions: in *order* the feed-forward network can only guess; in *topic* it "
            "may do well. The LSTM, which can remember the first words until the end, should beat "
            "the simple network in both."
        ),
    ]


def example(runs: Runs) -> tuple[texts.Words, int]:
    """A test sentence of about ten words that the LSTM classifies correctly, if there is one."""
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
            "words of the training sentences get a number; all others get the number 0.\n"
            f"2. Form batches of {BATCH} sentences. Shorter ones are padded at the end; the layer "
            "does not read the padding.\n"
            f"3. Forward, loss, backward, clip the norm of the gradient at {CLIP:g}, one step of "
            f"Adam with a learning rate of {RATE:g}.\n"
            "4. After each epoch, test on a fifth of the sentences, which are never trained on. "
            "The test set is not used for any choice.\n\n"
            f"The topic task has {number(len(task.train))} training sentences and "
            f"{number(len(task.test))} test sentences in {len(task.classes)} classes; the order "
            f"task has {number(len(order.train))} and {number(len(order.test))}. The trained LSTM "
            f"reads a test sentence of the class *{task.classes[label]}*:"
        ),
        Table(
            "reading",
            "The probability of the true class if the sentence ended after this word.",
            ["word", "its number", "start of its vector", "p(true class)"],
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
    """The final accuracy of each model."""
    return [
        Figure(
            "accuracies",
            "Test accuracy after the last epoch",
            [
                bars(
                    {name: one.test_accuracy[-1] for name, one in runs[task].items()},
                    y_label="accuracy", title=task,
                    levels={"guessing": next(iter(runs[task].values())).task.guessing},
                )
                for task in runs
            ],
            "Three bars for each task, and the accuracy of guessing.",
            "Guessing means always choosing the most frequent class.",
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
    """The confusion matrix, and how the LSTM reads an example."""
    best, lstm = best_of(runs["topic"]), runs["topic"]["LSTM"]
    words, label = example(runs)
    classes = best.task.classes
    return [
        Figure(
            "confusion",
            f"Topic: which classes the {best.name} confuses",
            confusion_matrix(models.confusion(best), classes),
            "A matrix of true and predicted classes.",
            "The model with the best test accuracy. Numbers are sentences; the color is their "
            "share of the true class.",
        ),
        Figure(
            "words",
            "Topic: how the LSTM decides word by word",
            heat_map(
                word_by_word(lstm, words).T, x_label="word read", y_label="class",
                unit="probability", columns=list(words), rows=list(classes), limits=(0.0, 1.0),
            ),
            "A heat map: classes in rows, words in columns.",
            f"The true class is {classes[label]}; after the last word the LSTM predicts "
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
        "Where the test loss rises while the training loss keeps falling, the network overfits.",
    )
