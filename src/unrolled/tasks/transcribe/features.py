"""The features of sound. In: samples. Out: log-mel features (frames, bands); next: `job`.

Every 10 ms the spectrum of a Hann window of 25 ms is summed into bands that are equally spaced on
the mel scale of O'Shaughnessy 1987, and the logarithm of their energy is taken. Each band is
standardized over the training recordings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from unrolled.data.numbers import scaling
from unrolled.data.sound import RATES

WINDOW, HOP = 0.025, 0.010  # seconds
FLOOR = 1e-6  # of an energy, before the logarithm: far below the noise of a microphone
LOWEST = 20.0  # Hz


def mel(frequency: Any) -> Any:
    """Hz to mel."""
    return 2595.0 * np.log10(1.0 + np.asarray(frequency, float) / 700.0)


def hertz(mels: Any) -> Any:
    """mel to Hz."""
    return 700.0 * (10.0 ** (np.asarray(mels, float) / 2595.0) - 1.0)


def filters(rate: int, size: int, bands: int) -> Any:
    """The weight of each frequency of the transform in each band, (bands, size // 2 + 1): triangles
    from the center of the band below to that of the band above."""
    frequencies = np.arange(size // 2 + 1) * rate / size
    edges = hertz(np.linspace(mel(LOWEST), mel(rate / 2), bands + 2))
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (frequencies - low) / (middle - low)
    falling = (high - frequencies) / (high - middle)
    return np.maximum(0.0, np.minimum(rising, falling))


@dataclass(frozen=True)
class LogMel:
    """Computes features from samples; fitted once and stored in the run."""

    rate: int
    bands: int
    mean: Any = None  # (bands,)
    deviation: Any = None

    @property
    def window(self) -> int:
        return max(2, round(WINDOW * self.rate))

    @property
    def hop(self) -> int:
        return max(1, round(HOP * self.rate))

    @cached_property
    def _filters(self) -> Any:
        return filters(self.rate, self._size, self.bands)

    @property
    def _size(self) -> int:
        """The size of the Fourier transform: the next power of two."""
        return 1 << (self.window - 1).bit_length()

    def raw(self, samples: Any) -> Any:
        """Log energies, (frames, bands); a sound shorter than a window is padded with 0."""
        samples = np.asarray(samples, np.float64)
        if len(samples) < self.window:
            samples = np.pad(samples, (0, self.window - len(samples)))
        frames = np.lib.stride_tricks.sliding_window_view(samples, self.window)[:: self.hop]
        smooth = frames * np.hanning(self.window + 1)[:-1]
        energy = np.abs(np.fft.rfft(smooth, self._size)) ** 2
        return np.log(energy @ self._filters.T + FLOOR)

    def __call__(self, samples: Any) -> Any:
        """Scaled features, float32."""
        return ((self.raw(samples) - self.mean) / self.deviation).astype(np.float32)

    @classmethod
    def fit(cls, sounds: Sequence[Any], rate: int, bands: int) -> LogMel:
        """Mean and deviation of each band over these recordings."""
        bare = cls(rate, bands)
        total, squares, count = np.zeros(bands), np.zeros(bands), 0
        for samples in sounds:
            values = bare.raw(samples)
            total, squares = total + values.sum(0), squares + (values**2).sum(0)
            count += len(values)
        mean = total / count
        deviation = np.sqrt(np.maximum(squares / count - mean**2, 1e-8))
        return cls(rate, bands, mean, deviation)

    def as_dict(self) -> dict[str, Any]:
        return {
            "rate": self.rate, "bands": self.bands,
            "mean": self.mean.tolist(), "deviation": self.deviation.tolist(),
        }  # fmt: skip

    @classmethod
    def from_dict(cls, data: Any) -> LogMel:
        """Read the stored features of a run."""
        mean, deviation = scaling(data["mean"], data["deviation"])
        rate, bands = int(data["rate"]), int(data["bands"])
        if not RATES[0] <= rate <= RATES[1] or len(mean) != bands:
            raise ValueError(f"{rate} samples a second in {bands} bands")
        return cls(rate, bands, mean, deviation)
