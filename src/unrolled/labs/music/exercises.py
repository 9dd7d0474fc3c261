"""Exercises of lab `music`, each with a solution that runs as it is printed."""

from __future__ import annotations

from unrolled.labs.exercises import Exercise


def two_chords() -> tuple[float, float]:
    import math

    independent = 6 * math.log(2)  # six keys, each of which sounds half of the time
    chain = math.log(2)  # the lowest key tells the chord, and the others follow
    return independent, chain


def all_chords_sum_to_one() -> float:
    import itertools

    import torch

    from unrolled.networks.pitch_chain import PitchChain

    torch.manual_seed(0)
    chain = PitchChain(keys=8, context=3, units=4)
    chords = torch.tensor(list(itertools.product((0.0, 1.0), repeat=8)))
    context = torch.randn(1, 3).expand(256, 3)
    before = torch.zeros(256, 2, 8)
    scores, _ = chain(context, before, chords)
    chances = torch.where(chords == 1, scores.sigmoid(), (-scores).sigmoid()).prod(1)
    return chances.sum().item()


def harmonize() -> bool:
    from unrolled import Composer
    from unrolled.data.scores import Note, Piece

    def chords(first: int) -> Piece:
        keys = [(t, first + key + t % 3) for t in range(8) for key in (0, 4, 7)]
        return Piece("chords", tuple(Note(float(t), key, 1.0) for t, key in keys))

    model = Composer(epochs=2, hidden=8, units=4, steps=1, validation=0.0)
    model.fit([chords(first) for first in range(48, 56)])
    melody = Piece("melody", tuple(Note(float(t), 60 + t, 1.0) for t in range(4)))
    piece = model.compose(voice=melody, pieces=16, seed=1)
    return set(melody.notes) <= set(piece.notes)


EXERCISES = (
    Exercise(
        "easy",
        "Two chords of three keys each, without a common key, are equally probable. What is the "
        "lowest loss per step, in nats, of a network with independent keys, and of one that "
        "decides from low to high?",
        two_chords,
        lambda nats: abs(nats[0] - 6 * nats[1]) < 1e-9,
    ),
    Exercise(
        "medium",
        "Show that the probabilities of all 256 chords of 8 keys sum to 1 before any training.",
        all_chords_sum_to_one,
        lambda total: abs(total - 1) < 1e-4,
    ),
    Exercise(
        "hard",
        "Train a composer on chords of your own, give it a melody, and show that the piece "
        "contains the melody unchanged.",
        harmonize,
        lambda kept: kept is True,
    ),
)
