"""Fits pictures of any size onto one canvas. In: arrays of any sizes. Out: arrays of one size.

A picture is scaled to fit and centered; the space around it is filled with the color of its edge.
The shape of the canvas, and whether it has colors, are determined by the training pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from unrolled.data.pictures import LARGEST_SIDE, WHITE
from unrolled.errors import ArgumentError, extras

LUMA = (0.299, 0.587, 0.114)  # of red, green and blue in gray (ITU-R BT.601)
FLATTEST = 16  # ratio of the sides: beyond it, a picture is squeezed


@dataclass(frozen=True)
class Canvas:
    """Height, width, and 1 channel (gray) or 3."""

    height: int
    width: int
    channels: int

    def __post_init__(self) -> None:
        for name in ("height", "width"):
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= LARGEST_SIDE:
                raise ArgumentError(f"{name} must be an integer from 1 to {LARGEST_SIDE}")
        if self.channels not in (1, 3):
            raise ArgumentError("channels must be 1 (gray) or 3 (colors)")

    @classmethod
    def fit(cls, pictures: Sequence[Any], size: int) -> Canvas:
        """The canvas for these pictures: their median shape, the longer side at most `size`."""
        heights, widths = (np.array([one.shape[axis] for one in pictures]) for axis in (0, 1))
        shape = float(np.median(widths / heights))
        shape = min(max(shape, 1 / FLATTEST), FLATTEST)
        longer = min(size, int(np.median(np.maximum(heights, widths))))
        channels = max(one.shape[2] for one in pictures)
        if shape >= 1:
            return cls(max(1, round(longer / shape)), longer, channels)
        return cls(longer, max(1, round(longer * shape)), channels)

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.height, self.width, self.channels

    @property
    def values(self) -> int:
        """The number of values in a picture."""
        return self.height * self.width * self.channels

    def __call__(self, picture: Any) -> Any:
        """The picture on this canvas, as uint8."""
        picture = self._in_channels(picture)
        high, wide = picture.shape[:2]
        if (high, wide) == (self.height, self.width):
            return picture
        scale = min(self.height / high, self.width / wide)
        size = [max(1, min(side, round(scale * one)))
                for one, side in ((high, self.height), (wide, self.width))]  # fmt: skip
        inner = resized(picture, size[0], size[1])
        found = np.empty((self.height, self.width, self.channels), np.uint8)
        found[:] = edge_colour(inner)
        top, left = (self.height - size[0]) // 2, (self.width - size[1]) // 2
        found[top : top + size[0], left : left + size[1]] = inner
        return found

    def _in_channels(self, picture: Any) -> Any:
        have = picture.shape[2]
        if have == self.channels:
            return picture
        if have == 1:
            return np.repeat(picture, self.channels, 2)
        return np.round(picture @ np.array(LUMA)).astype(np.uint8)[:, :, None]

    def as_dict(self) -> dict[str, int]:
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.width} x {self.height} pixels, {'gray' if self.channels == 1 else 'color'}"


def resized(picture: Any, height: int, width: int) -> Any:
    """The picture resampled to another size."""
    if picture.shape[:2] == (height, width):
        return picture
    with extras("scaling pictures"):
        from PIL import Image
    grey = picture.shape[2] == 1
    image = Image.fromarray(picture[:, :, 0] if grey else picture)
    found = np.asarray(image.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=2.0))
    return found[:, :, None] if grey else found


def edge_colour(picture: Any) -> Any:
    """The median color along its edge."""
    sides = (picture[0], picture[-1], picture[:, 0], picture[:, -1])
    return np.median(np.concatenate(sides), axis=0).astype(np.uint8)


def as_pictures(X: Any) -> list[Any]:
    """Check arrays (height, width[, 1, 3 or 4]) of uint8, or of floats from 0 to 1."""
    pictures = [as_picture(number, one) for number, one in enumerate(X, 1)]
    if not pictures:
        raise ArgumentError("X is empty: it must contain pictures")
    return pictures


def as_picture(number: int, one: Any) -> Any:
    """One picture with 8 bits and 1 or 3 channels; `number` is its index in X."""
    pixels = np.asarray(one)
    shown = pixels[:, :, None] if pixels.ndim == 2 else pixels
    if shown.ndim != 3 or shown.shape[2] not in (1, 3) or not shown.size:
        raise ArgumentError(
            f"picture {number} has the shape {pixels.shape}: it must be (height, width), or "
            "(height, width, 3) with red, green and blue"
        )
    return in_8_bits(shown, f"picture {number}")


def as_clip(one: Any, called: str) -> Any:
    """Frames (frames, height, width[, 1 or 3]) of 8 bits; `called` is the clip's name in errors."""
    values = np.asarray(one)
    shown = values[..., None] if values.ndim == 3 else values
    if shown.ndim != 4 or shown.shape[3] not in (1, 3) or not shown.size:
        raise ArgumentError(
            f"{called} has the shape {values.shape}: a clip must be (frames, height, width), or "
            "(frames, height, width, 3) with red, green and blue"
        )
    return in_8_bits(shown, called)


def in_8_bits(shown: Any, called: str) -> Any:
    """Integers from 0 to 255; floats from 0 to 1 are scaled to them."""
    if shown.dtype == np.uint8:
        return shown
    if shown.dtype.kind != "f" or not (np.isfinite(shown).all() and _from_0_to_1(shown)):
        raise ArgumentError(
            f"{called} is of type {shown.dtype}: use integers from 0 to 255 (uint8), or "
            "floats from 0 to 1"
        )
    return np.round(shown * WHITE).astype(np.uint8)


def _from_0_to_1(values: Any) -> bool:
    return bool(values.min() >= 0 and values.max() <= 1)
