"""Exercises of lab `speech`, each with a solution that runs as it is printed."""

from __future__ import annotations

from unrolled.labs.exercises import Exercise


def how_many_paths() -> dict[str, int]:
    import itertools

    def spells(path: tuple[str, ...]) -> str:
        kept = [one for place, one in enumerate(path) if not place or one != path[place - 1]]
        return "".join(one for one in kept if one != "-")

    paths = list(itertools.product("-abo", repeat=5))
    return {word: sum(spells(path) == word for path in paths) for word in ("ab", "boo", "baboo")}


def a_path_that_misleads() -> tuple[str, str]:
    import numpy as np

    from unrolled.networks.ctc import beam_search, greedy

    log_probabilities = np.log([[0.6, 0.4], [0.6, 0.4]])  # the blank, and the letter a
    best_path = greedy(log_probabilities)
    (best_text, _), *_ = beam_search(log_probabilities, width=10)
    return "a" * len(best_path), "a" * len(best_text)


def viterbi() -> bool:
    import itertools

    import numpy as np

    def best_path(p: np.ndarray, word: list[int]) -> float:
        states = [0]
        for letter in word:
            states += [letter, 0]
        best = np.zeros((len(states), len(p)))
        best[:2, 0] = p[0, states[:2]]
        for t in range(1, len(p)):
            for s, symbol in enumerate(states):
                came = [best[s, t - 1]]
                if s >= 1:
                    came.append(best[s - 1, t - 1])
                if s >= 2 and symbol not in (0, states[s - 2]):
                    came.append(best[s - 2, t - 1])
                best[s, t] = max(came) * p[t, symbol]  # max where the loss has a sum
        return float(best[-2:, -1].max())

    def spells(path: tuple[int, ...]) -> list[int]:
        kept = [one for place, one in enumerate(path) if not place or one != path[place - 1]]
        return [one for one in kept if one]

    p = np.random.default_rng(0).dirichlet(np.ones(3), size=6)
    for word in ([1], [1, 2], [2, 2], [1, 2, 1]):
        chances = [
            np.prod(p[range(6), path])
            for path in itertools.product(range(3), repeat=6)
            if spells(path) == word
        ]
        if not np.isclose(best_path(p, word), max(chances)):
            return False
    return True


EXERCISES = (
    Exercise(
        "easy",
        "With the symbols –, a, b and o and five steps, how many paths spell *ab*, *boo* and "
        "*baboo*? Enumerate them.",
        how_many_paths,
        lambda counts: counts["baboo"] == 0 and counts["ab"] > counts["boo"] > 0,
    ),
    Exercise(
        "medium",
        "Find probabilities for two steps, with the blank and one letter, such that the most "
        "probable path spells the empty text, but the most probable text is the letter.",
        a_path_that_misleads,
        lambda texts: texts == ("", "a"),
    ),
    Exercise(
        "hard",
        "Change the forward algorithm so that it finds the probability of the best path that "
        "spells a word, and check it against all paths.",
        viterbi,
        lambda same: same is True,
    ),
)
