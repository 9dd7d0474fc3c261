"""Streaming transcription. In: raw samples, block by block. Out: the text so far; next: cli.

A unidirectional network is continued with each block: the features of complete frames, the
convolution over frames whose neighbors are available, and the recurrent layers from their last
states. The text is that of the most probable path, and equals that of the whole recording.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from unrolled.data.sound import Sound, resampled
from unrolled.networks import ctc
from unrolled.tasks.transcribe.features import HOP, WINDOW
from unrolled.tasks.transcribe.model import KERNEL

if TYPE_CHECKING:
    from unrolled.tasks.transcribe.transcriber import Transcriber

BLOCK = 0.1  # seconds of a block


class Listener:
    """Transcribes blocks of 16-bit samples."""

    def __init__(self, model: Transcriber, rate: int) -> None:
        self.model, self.rate = model, rate
        self.block = 2 * max(1, round(BLOCK * rate))  # bytes
        self.samples = np.zeros(0, np.float32)
        self.path: list[int] = []
        self.states: Any = None
        self.steps = 0  # of the recurrent layers so far

    @property
    def latency(self) -> float:
        """Milliseconds from the beginning of a step until all of its input has arrived."""
        return 1000 * (KERNEL // 2 * HOP + WINDOW + BLOCK)

    @property
    def text(self) -> str:
        return self.model.letters_.decode(ctc.collapse(self.path))

    def hear(self, block: bytes) -> bool:
        """Process a block; returns whether the text has grown."""
        values = np.frombuffer(block[: len(block) // 2 * 2], "<i2") / np.float32(2**15)
        self.samples = np.concatenate([self.samples, values])
        if self.model.bidirectional or self.rate != self.model.features_.rate:
            return False
        before = self.text
        self._go_on(is_over=False)
        return self.text != before

    def finish(self, beam: int | None = None) -> str:
        """The text of the whole recording."""
        if not len(self.samples):
            return ""
        if self.model.bidirectional or self.rate != self.model.features_.rate:
            sound = resampled(Sound(self.samples, self.rate), self.model.features_.rate)
            return self.model.predict([sound.samples], beam)[0]
        self._go_on(is_over=True)
        return self.text

    @torch.no_grad()
    def _go_on(self, is_over: bool) -> None:
        """Compute every step whose frames are complete."""
        hear, network = self.model.features_, self.model.model_
        if len(self.samples) < hear.window and not is_over:
            return
        frames = 1 + max(0, len(self.samples) - hear.window) // hear.hop
        reach, stride = KERNEL // 2, network.stride
        ready = (
            (frames - 1) // stride + 1 if is_over else max(0, (frames - 1 - reach) // stride + 1)
        )
        if ready <= self.steps:
            return
        first = max(0, self.steps * stride - reach)  # first frame that the convolution still needs
        last = min(frames, (ready - 1) * stride + reach + 1)
        x = hear(self.samples[first * hear.hop : (last - 1) * hear.hop + hear.window])
        before = reach - (self.steps * stride - first)
        after = (ready - 1) * stride + reach + 1 - last
        padded = np.pad(x, ((before, after), (0, 0)))
        found = torch.from_numpy(padded.T[None])
        weight = network.front
        y = torch.conv1d(found, weight.weight, weight.bias, stride)
        y = torch.relu(y).permute(2, 0, 1)
        y, self.states = network.recurrent(y, self.states)
        self.path += network.readout(y)[:, 0].argmax(1).tolist()
        self.steps = ready
