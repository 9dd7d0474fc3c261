"""Gates over a real sequence: a text, read character by character. In: a text. Out: a `Reading`.

An LSTM learns to predict the next character. Then its gates are watched on text that it has not
learned from, and each unit's memory is held against things that a reader would keep in mind: how
far into the word, how far into the line. The same is asked of the network before it was trained,
for among many units one will always seem to fit. Next: `page`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from unrolled.cells import LSTM
from unrolled.labs.gates.latch import correlation
from unrolled.labs.progress import Progress
from unrolled.textbook import Alphabet, Network, Trace, learn_text, one_hot

Array = np.ndarray
LEARNED, TESTED, DRAWN = 60_000, 3000, 44  # characters
LENGTH, RATE = 32, 0.01


@dataclass(frozen=True)
class Fit:
    """Something worth remembering, the unit whose memory follows it best, and how well."""

    feature: str
    unit: int
    correlation: float
    untrained: float


@dataclass(frozen=True)
class Reading:
    """What an LSTM's gates did over a text."""

    source: str
    characters: int
    symbols: int
    bits: float
    guessing_bits: float
    sample: str
    drawn: str
    gates: dict[str, Array]
    means: dict[str, Array]
    busy: list[int]
    fits: list[Fit]
    at: dict[str, dict[str, float]]


def built_in_text() -> str:
    """The documentation that comes with Python: prose, with headings and code."""
    from pydoc_data.topics import topics

    return "\n\n".join(topics[name] for name in sorted(topics))


def read(text: str | None, seed: int, hidden: int, epochs: int, progress: Progress) -> Reading:
    """Learn the text's first part, then watch the gates on what follows it."""
    source = "the documentation that comes with Python" if text is None else "your text"
    text = built_in_text() if text is None else text
    tested = min(TESTED, len(text) // 5)
    learned = text[: min(LEARNED, len(text) - tested)]
    known = set(learned)
    rest = "".join(letter for letter in text[len(learned) :] if letter in known)[:tested]
    batch = max(1, min(16, len(learned) // (10 * LENGTH)))
    with progress.stage("a text", epochs) as done:
        model = learn_text(
            learned, LSTM, hidden, epochs=epochs, length=LENGTH, batch=batch, seed=seed,
            learning_rate=RATE,
            progress=lambda line: done(line.split(",")[0]),
        )  # fmt: skip
    trace = follow(model.network, model.alphabet, rest)
    first = Network(LSTM, len(known), hidden, len(known), seed=seed)
    values = {name: over_time(trace, name) for name in ("i", "f", "o", "c")}
    start = rest.find(" ", len(rest) // 3) + 1
    window = slice(start, start + DRAWN)
    spread = values["f"][:, window].std(axis=1)
    return Reading(
        source=source,
        characters=len(learned),
        symbols=len(known),
        bits=model.bits_per_character(rest),
        guessing_bits=frequency_bits(learned, rest),
        sample=model.generate(rest[:1], 240, temperature=0.5, seed=seed),
        drawn=rest[window],
        gates={name: value[:, window] for name, value in values.items()},
        means={name: value.mean(axis=1) for name, value in values.items()},
        busy=[int(unit) for unit in np.argsort(-spread, kind="stable")[:12]],
        fits=best_units(rest, values["c"], over_time(follow(first, model.alphabet, rest), "c")),
        at=at_kinds(rest, values),
    )


def follow(network: Network, alphabet: Alphabet, text: str) -> Trace:
    """Read a text from its beginning, keeping everything."""
    return network.forward(one_hot(alphabet.encode(text)[:, None], len(alphabet))).layers[0]


def over_time(trace: Trace, name: str) -> Array:
    """A gate or state at every step: (units, steps)."""
    return np.stack([cache.values[name][:, 0] for cache in trace.caches], axis=1)


def frequency_bits(learned: str, rest: str) -> float:
    """What a character costs if one knows only how frequent each is."""
    letters = sorted(set(learned))
    counts = np.array([learned.count(letter) for letter in letters], float)
    cost = dict(zip(letters, -np.log2(counts / counts.sum()), strict=True))
    return float(np.mean([cost[letter] for letter in rest]))


def features(text: str) -> dict[str, Array]:
    """Things that a reader keeps in mind, as a number for each character."""
    return {
        "characters since the word began": since(text, str.isspace),
        "characters since the line began": since(text, lambda letter: letter == "\n"),
        "a space has just been read": np.array([float(letter == " ") for letter in text]),
        "inside round brackets": inside(text, "(", ")"),
    }


def inside(text: str, opening: str, closing: str) -> Array:
    """1 from an opening bracket to the next closing one, else 0."""
    now, found = 0.0, []
    for letter in text:
        now = {opening: 1.0, closing: 0.0}.get(letter, now)
        found.append(now)
    return np.array(found)


def since(text: str, is_start: Callable[[str], bool]) -> Array:
    """How many characters ago the last one was a start."""
    count, counts = 0, []
    for letter in text:
        count = 0 if is_start(letter) else count + 1
        counts.append(float(min(count, 80)))
    return np.array(counts)


def best_units(text: str, states: Array, untrained: Array) -> list[Fit]:
    found = []
    for name, feature in features(text).items():
        if feature.std() == 0:
            continue  # a text without lines, say
        related = np.array([correlation(state, feature) for state in states])
        control = max(abs(correlation(state, feature)) for state in untrained)
        unit = int(np.abs(related).argmax())
        found.append(Fit(name, unit, float(related[unit]), control))
    return found


def at_kinds(text: str, values: dict[str, Array]) -> dict[str, dict[str, float]]:
    """The mean of each gate over all units, at letters, at spaces and at line ends."""
    kinds = {
        "letters": np.array([letter.isalpha() for letter in text]),
        "spaces": np.array([letter == " " for letter in text]),
        "line ends": np.array([letter == "\n" for letter in text]),
    }
    return {
        kind: {name: float(values[name][:, where].mean()) for name in ("i", "f", "o")}
        for kind, where in kinds.items()
        if where.any()
    }
