"""Exercises of lab `translate`, each with a solution that runs as it is printed."""

from __future__ import annotations

from unrolled.labs.exercises import Exercise


def sharper() -> list[float]:
    import numpy as np

    keys, query = np.eye(3), np.array([1.0, 0.5, 0.0])
    largest = []
    for factor in (0.0, 1.0, 10.0):
        raised = np.exp(factor * keys @ query)
        largest.append(float((raised / raised.sum()).max()))
    return largest


def order_does_not_matter() -> float:
    import torch

    from unrolled.networks.attention import Attention

    torch.manual_seed(0)
    attention = Attention("additive", query_size=4, key_size=6)
    queries, keys = torch.randn(2, 1, 4), torch.randn(5, 1, 6)
    order = torch.tensor([3, 0, 4, 2, 1])
    contexts = []
    for chosen in (keys, keys[order]):
        outside = torch.zeros(1, 5, dtype=torch.bool)
        context, _ = attention(queries, chosen, attention.project(chosen), outside)
        contexts.append(context)
    return float((contexts[0] - contexts[1]).abs().max().detach())


def a_beam_beats_the_best_letter() -> tuple[str, str]:
    import math

    chances = {  # of the next letter, after what has been written
        "": {"a": 0.6, "b": 0.4},
        "a": {"a": 0.5, "b": 0.5},
        "b": {"a": 0.1, "b": 0.9},
    }
    greedy = ""
    for _ in range(2):
        greedy += max(chances[greedy], key=chances[greedy].__getitem__)
    beams = {"": 0.0}
    for _ in range(2):
        longer = {
            text + letter: score + math.log(chance)
            for text, score in beams.items()
            for letter, chance in chances[text].items()
        }
        beams = dict(sorted(longer.items(), key=lambda one: -one[1])[:2])
    return greedy, next(iter(beams))


EXERCISES = (
    Exercise(
        "easy",
        "The keys are the three unit vectors, the query is (1, 0.5, 0). How large is the greatest "
        "weight if the scores are multiplied by 0, by 1 and by 10?",
        sharper,
        lambda largest: abs(largest[0] - 1 / 3) < 1e-9 and largest[0] < largest[1] < largest[2],
    ),
    Exercise(
        "medium",
        "Show that the context does not depend on the order of the keys. (The network still knows "
        "the order of the letters, because the encoder puts it into the keys.)",
        order_does_not_matter,
        lambda difference: difference < 1e-5,
    ),
    Exercise(
        "hard",
        "Find probabilities of the next letter for which greedily choosing the best letter twice "
        "gives a different text than beam search with a width of two, which finds a more probable "
        "one.",
        a_beam_beats_the_best_letter,
        lambda texts: texts[0] != texts[1] and texts[1] == "bb",
    ),
)
