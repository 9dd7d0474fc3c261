"""Exercises of lab `tag`, each with a solution that runs as it is printed."""

from __future__ import annotations

from unrolled.labs.exercises import Exercise


def names_of_a_sentence() -> list[tuple[str, ...]]:
    words = ["Ada", "Lovelace", "met", "Charles", "Babbage", "in", "London"]
    tags = ["B", "I", "O", "B", "I", "O", "B"]
    names: list[list[str]] = []
    for word, tag in zip(words, tags, strict=True):
        if tag == "B":
            names.append([word])
        elif tag == "I":
            names[-1].append(word)
    return [tuple(name) for name in names]


def chances_are_a_derivative() -> float:
    import torch

    from unrolled.networks.crf import CRF, Grammar

    torch.manual_seed(0)
    crf = CRF(Grammar.free(3)).double()
    torch.nn.init.normal_(crf.after)
    scores = torch.randn(5, 1, 3, dtype=torch.float64)
    chances, length, nudge = crf.chances(scores, torch.tensor([5])), torch.tensor([5]), 1e-5
    slopes = torch.zeros_like(scores)
    with torch.no_grad():
        for place in range(scores.numel()):
            moved = torch.zeros(scores.numel(), dtype=torch.float64)
            moved[place] = nudge
            step = moved.view_as(scores)
            up, down = (crf.log_partition(scores + s, length) for s in (step, -step))
            slopes.view(-1)[place] = float(up - down) / (2 * nudge)
    return float((chances - slopes).abs().max())


def two_kinds_of_best() -> tuple[list[int], list[int]]:
    import itertools

    import numpy as np

    scores = np.log([[0.4, 0.3, 0.3], [0.4, 0.3, 0.3]])
    moves = np.log([[0.34, 0.33, 0.33], [0.05, 0.9, 0.05], [0.45, 0.1, 0.45]])
    chances = {
        (a, b): float(np.exp(scores[0, a] + moves[a, b] + scores[1, b]))
        for a, b in itertools.product(range(3), repeat=2)
    }
    _, together = max((chance, list(tags)) for tags, chance in chances.items())
    one_by_one = [
        max(range(3), key=lambda tag: sum(p for tags, p in chances.items() if tags[t] == tag))
        for t in range(2)
    ]
    return one_by_one, together


EXERCISES = (
    Exercise(
        "easy",
        "Which names does *Ada Lovelace met Charles Babbage in London* contain, if its tags are B "
        "I O B I O B?",
        names_of_a_sentence,
        lambda names: names == [("Ada", "Lovelace"), ("Charles", "Babbage"), ("London",)],
    ),
    Exercise(
        "medium",
        "Show by central differences that the probability of a tag at a word is the derivative of "
        "log Z with respect to its score.",
        chances_are_a_derivative,
        lambda error: error < 1e-8,
    ),
    Exercise(
        "hard",
        "Find scores of two words and three tags for which the most probable tags, taken one by "
        "one, are not the most probable pair.",
        two_kinds_of_best,
        lambda found: found[0] != found[1],
    ),
)
