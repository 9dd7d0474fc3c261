"""Exercises of lab `classify`, each with a solution that runs as it is printed."""

from __future__ import annotations

from unrolled.labs.exercises import Exercise


def guessing() -> float:
    import torch

    scores = torch.zeros(1, 6)  # the same for each of six classes
    return torch.nn.functional.cross_entropy(scores, torch.tensor([2])).item()


def order_blind() -> dict[str, float]:
    import torch

    torch.manual_seed(0)
    words = torch.randn(7, 1, 5)  # seven words, one sentence, vectors of five numbers
    shuffled = words[torch.tensor([3, 0, 6, 1, 5, 2, 4])]
    lstm = torch.nn.LSTM(5, 4)
    last, last_shuffled = lstm(words)[1][0], lstm(shuffled)[1][0]
    return {
        "mean": (words.mean(0) - shuffled.mean(0)).abs().max().item(),
        "LSTM": (last - last_shuffled).abs().max().item(),
    }


def one_line_apart() -> float:
    import torch

    import unrolled

    ids = torch.randint(0, 50, (12, 3))
    scores = []
    for library in (torch.nn, unrolled):
        torch.manual_seed(0)
        embedding = torch.nn.Embedding(50, 8)
        layer = library.LSTM(8, 16)  # the only line that differs
        output = torch.nn.Linear(16, 2)
        scores.append(output(layer(embedding(ids))[0][-1]))
    return float((scores[0] - scores[1]).detach().abs().max())


EXERCISES = (
    Exercise(
        "easy",
        "An untrained network gives six classes the same score. What is its cross-entropy?",
        guessing,
        lambda loss: abs(loss - 1.79176) < 1e-4,
    ),
    Exercise(
        "medium",
        "Shuffle the words of a sentence. How much does the mean of their vectors change, and how "
        "much does the last state of an LSTM change?",
        order_blind,
        lambda change: change["mean"] < 1e-6 and change["LSTM"] > 1e-3,
    ),
    Exercise(
        "hard",
        "Build an embedding, an LSTM and a linear layer twice from the same seed, once with "
        "`torch.nn.LSTM` and once with `unrolled.LSTM`. How much do their scores differ?",
        one_line_apart,
        lambda difference: difference < 1e-5,
    ),
)
