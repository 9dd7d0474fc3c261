"""What the page shows and says. In: the numbers of a run. Out: sections; next: the lab's page."""

from __future__ import annotations

from unrolled.data.piano_roll import bars_of
from unrolled.labs.music import measuring
from unrolled.labs.music.measuring import KINDS, PIECES, STEPS, Measured
from unrolled.report.blocks import Code, Figure, Math, Prose, Question, Table, code_of
from unrolled.report.figures import curves
from unrolled.report.numbers import number
from unrolled.report.piano_roll import piano_roll

AIM = """
A step of music is a chord: a set of keys. See why a network that decides about each key separately
plays wrong chords even with the best possible probabilities, and how deciding from the lowest key
to the highest solves the problem.
"""
CLOSE = 0.15  # nats per step: within this of the entropy is called close


def theory() -> list[Prose | Math]:
    return [
        Prose(
            "With 24 keys there are more than 16 million sets of keys, too many for a softmax. A "
            "sigmoid for each key is cheap, but treats the keys as independent given the past. If "
            "two chords are equally probable, each of their keys then sounds with probability one "
            "half, and most samples are neither chord.\n\nThe product rule does not have this "
            "limitation (Larochelle & Murray 2011; Boulanger-Lewandowski et al. 2012):"
        ),
        Math(
            r"p(v_1, \ldots, v_K) = \prod_{i=1}^{K} p(v_i \mid v_1, \ldots, v_{i-1})",
            "chain",
            "Each key is conditioned on the lower ones; this can express any distribution.",
        ),
        Prose(
            "The predictions: the independent network stays far above the entropy of the music, "
            "the other one comes close to it, and only the other one composes correct chords."
        ),
    ]


def steps(measured: Measured, hidden: int, rounds: int) -> list[Prose]:
    return [
        Prose(
            "1. Draw music from a table: four triads in two positions, and for each triad the "
            "probabilities of the next one. Its entropy is known exactly: "
            f"{number(measured.least, 4)} nats per step.\n"
            f"2. Train two networks with a GRU of {hidden} units for {rounds} steps of the "
            f"optimizer, each on {PIECES} new pieces of {STEPS} chords. In one of them, the input "
            "from the lower keys is set to zero.\n"
            "3. Measure the negative log-likelihood on 64 unseen pieces, then let both compose."
        )
    ]


def code() -> list[Prose | Code]:
    return [Prose("The training of one network:"), code_of(measuring.learn)]


def result(measured: Measured) -> list[Prose | Table | Figure]:
    networks = measured.networks
    drawings = [
        Figure(
            f"sample-{place}",
            f"Composed: {kind}",
            piano_roll(bars_of(one.sample), None, len(one.sample), 1),
            f"piano roll of {len(one.sample)} steps composed by the network with {kind}",
        )
        for place, (kind, one) in enumerate(networks.items(), 1)
    ]
    return [
        Figure(
            "curves",
            "Nats per step on unseen music",
            curves(
                {kind: one.nats for kind, one in networks.items()},
                x_label="step of the optimizer",
                y_label="nats per step",
                levels={"entropy": measured.least},
            ),
            "The negative log-likelihood of both networks during training.",
            "The line is the entropy of the music: on average no network can do better.",
        ),
        Table(
            "numbers",
            "After training.",
            ["keys", "nats per step", "above the entropy", "composed steps that are chords"],
            [
                [kind, one.nats[-1], one.nats[-1] - measured.least, f"{100 * one.whole:.0f} %"]
                for kind, one in networks.items()
            ],
        ),
        *drawings,
    ]


def found(measured: Measured) -> list[str]:
    lines = [f"entropy of the music: {number(measured.least, 3)} nats per step"]
    return lines + [
        f"{kind}: {number(one.nats[-1], 3)} nats per step, {one.whole:.0%} of its steps are chords"
        for kind, one in measured.networks.items()
    ]


def discussion(measured: Measured) -> str:
    alone, chain = (measured.networks[kind] for kind in KINDS)
    gap = chain.nats[-1] - measured.least
    near = (
        f"comes within {number(gap, 2)} nats of the entropy, as predicted"
        if gap < CLOSE
        else f"is still {number(gap, 2)} nats above the entropy: it needs longer training"
    )
    better = "as predicted" if chain.whole > alone.whole else "which contradicts the prediction"
    return (
        f"The network that decides from low to high {near} ([@curves]). The independent one ends "
        f"{number(alone.nats[-1] - measured.least, 2)} nats above it: this is the cost of treating "
        f"the keys of a chord as independent. Of the steps that it composes {alone.whole:.0%} are "
        f"correct chords; of those of the other network {chain.whole:.0%} are "
        f"chords ([@numbers]), {better}."
    )


def questions(measured: Measured) -> list[Question]:
    alone, chain = (measured.networks[kind] for kind in KINDS)
    return [
        Question(
            "Would a larger recurrent layer help the independent network?",
            "No: the layer determines how probable each key is, and these probabilities may "
            "already be right. What is missing, here "
            f"{number(alone.nats[-1] - chain.nats[-1], 2)} nats per step, is the dependence "
            "between the keys of one step.",
            ["numbers"],
        ),
        Question(
            "Why are several pieces sampled at once to harmonize a melody?",
            "Keys are sampled from low to high, and the melody is on top, so whether a bass fits "
            "is known only at the end of a step. Sampling many pieces and keeping those in which "
            "the melody is probable approximates the right distribution ([@chain]).",
            ["chain"],
        ),
    ]
