"""Continue a wave. In: a seed and sizes. Out: predictions one step ahead, and with feedback.

The wave is two sines with different periods and a little noise. The network learns to predict the
next value; then its own outputs become its inputs. Baselines: the last value, and the last period.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from unrolled.cells import Elman
from unrolled.textbook import Adam, Batches, History, Network, fit, generate_values, schedules

Array = np.ndarray

KNOWN, AHEAD = 500, 200
LENGTH, STRIDE, BATCH = 50, 3, 25
NOISE = 0.02
RATE = 0.01
BLOCKS = ((1, 10), (11, 50), (51, 100), (101, AHEAD))


@dataclass(frozen=True)
class Wave:
    """The known values, the true continuation (without noise), and the predictions."""

    known: Array
    came: Array
    periods: tuple[float, float]
    generated: Array
    taught: Array
    history: History

    @property
    def guesses(self) -> dict[str, Array]:
        """Every prediction of the whole continuation, by name."""
        period = round(max(self.periods))
        last = self.known[-period:]
        return {
            "fed back": self.generated,
            "the last period again": np.resize(last, AHEAD),
            "the last value again": np.full(AHEAD, self.known[-1]),
        }

    def error(self, guess: Array, first: int, last: int) -> float:
        """The root mean square error from one step ahead to another."""
        part = slice(first - 1, last)
        return float(np.sqrt(np.mean((guess[part] - self.came[part]) ** 2)))


def two_sines(random: np.random.Generator) -> tuple[Array, tuple[float, float]]:
    slow = random.uniform(18, 26)
    fast = slow / random.uniform(2.2, 3.4)
    t = np.arange(KNOWN + AHEAD)
    first, second = random.uniform(0, 2 * np.pi, 2)
    wave = 0.7 * np.sin(2 * np.pi * t / slow + first) + 0.3 * np.sin(2 * np.pi * t / fast + second)
    return wave, (float(slow), float(fast))


def windows(series: Array) -> tuple[Array, Array]:
    """Pieces of the series as inputs, and the same pieces one step later as targets."""
    starts = range(0, len(series) - LENGTH, STRIDE)
    xs, targets = (
        np.stack([series[start + shift : start + shift + LENGTH] for start in starts], axis=1)
        for shift in (0, 1)
    )
    return xs[:, None, :], targets[:, None, :]


def learn_wave(seed: int, hidden: int, epochs: int, done: Callable[[str], None]) -> Wave:
    random = np.random.default_rng(seed)
    clean, periods = two_sines(random)
    measured = clean + random.normal(scale=NOISE, size=clean.shape)
    known = measured[:KNOWN]
    network = Network(Elman, 1, hidden, 1, loss="mean_squared_error", seed=seed)
    history = fit(
        network,
        Batches(*windows(known), BATCH, seed),
        optimizer=Adam(RATE),
        schedule=schedules.Cosine(epochs, 0.02),
        epochs=epochs,
        clip_norm=1.0,
        progress=done,
    )
    generated = generate_values(network, known[:, None, None], AHEAD)[:, 0, 0]
    # here the true value comes in at every step, so each output is one step ahead
    taught = network.forward(measured[:-1, None, None]).outputs[KNOWN - 1 :, 0, 0]
    return Wave(known, clean[KNOWN:], periods, generated, taught, history)
