"""Pictures made from handwritten digits: strips of digits, and moving digits. Out: arrays, words.

The digits are scikit-learn's (8 x 8 pixels, by many writers). They are split into digits for
training pictures and digits for test pictures before any picture is made, so that no handwritten
digit is in both. Everything depends on a seed, so the set is always the same. Next: `builtin`.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np

from unrolled.data.described import Described, DescribedParts
from unrolled.data.labelled import Labelled
from unrolled.data.notes import Notes
from unrolled.data.packages import file_in
from unrolled.data.series import SeriesSet

SEED = 20
FOR_TESTS = 0.2  # of the digits
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
DIGITS = 5  # of a strip
STRIPS = {"train": 8_000, "test": 1_000}
STRIP = (20, 96)  # height and width
SCALE = 2  # a digit of 8 x 8 becomes 16 x 16
# The largest change of digits in training strips: radians, share, share of the height. Those in
# test strips are not changed.
TURN, STRETCH, LEAN = 0.25, 0.15, 0.25
DIRECTIONS = {"left": (0, -1), "right": (0, 1), "up": (-1, 0), "down": (1, 0)}
CLIPS = {"train": 800, "test": 400}
FRAMES, SQUARE = 10, 24  # frames of a clip, and pixels of a side
SLOWEST, FASTEST = 0.7, 1.5  # pixels a frame
NOISE = 1.0  # deviation, on the scale of 0 to 16


def read_digits(folder: Path) -> tuple[Any, Any]:
    """The digits (n, 8, 8) from 0 to 16, and their classes."""
    path = file_in(folder, "datasets/data/digits.csv.gz", "scikit-learn")
    with gzip.open(path, "rt") as file:
        table = np.loadtxt(file, delimiter=",")
    return table[:, :-1].reshape(-1, 8, 8).astype(np.float32), table[:, -1].astype(int)


def dealt(count: int) -> dict[str, Any]:
    """The indices of the digits for training pictures and for test pictures."""
    order = np.random.default_rng(SEED).permutation(count)
    held = round(FOR_TESTS * count)
    return {"train": np.sort(order[held:]), "test": np.sort(order[:held])}


def strips(folder: Path) -> DescribedParts:
    """Strips of five digits, and their names."""
    digits, names = read_digits(folder)
    found = {}
    for number, (part, mine) in enumerate(dealt(len(digits)).items()):
        draw = np.random.default_rng([SEED, number])
        chosen = draw.choice(mine, (STRIPS[part], DIGITS))
        found[part] = Described(
            [f"{part} strip {strip + 1}" for strip in range(len(chosen))],
            list(_strips(digits[chosen], draw, float(part == "train"))),
            [" ".join(WORDS[names[one]] for one in row) for row in chosen],
            Notes(["the strips are made from digits: see `unrolled data digit-strips`"]),
        )
    return DescribedParts(**found)


def _strips(digits: Any, draw: Any, change: float) -> Any:
    """Strips (n, height, width, 1), dark on light, of digits (n, digits, 8, 8) with gaps between
    them; each digit is changed by at most `change` times the largest change."""
    count, each, side = digits.shape[:3]
    high, wide = STRIP
    bent = _bent(digits.reshape(-1, side, side), draw, change).reshape(
        count, each, *2 * [side * SCALE]
    )
    side *= SCALE
    gaps = np.sort(draw.integers(0, wide - side * each + 1, (count, each)))
    left = gaps + side * np.arange(each)
    top = draw.integers(0, high - side + 1, (count, each))
    canvas = np.zeros((count, high, wide), np.float32)
    rows = np.arange(count)[:, None, None]
    for place in range(each):
        y = top[:, place, None, None] + np.arange(side)[:, None]
        x = left[:, place, None, None] + np.arange(side)
        canvas[rows, y, x] = bent[:, place]
    return np.round(255 * (1 - canvas / 16)).astype(np.uint8)[..., None]


def _bent(digits: Any, draw: Any, change: float) -> Any:
    """Each of (n, 8, 8) rotated, stretched and sheared a little, and enlarged by `SCALE`."""
    count, side = digits.shape[:2]
    turn, lean = (change * draw.uniform(-most, most, count) for most in (TURN, LEAN))
    stretch = SCALE * (1 + change * draw.uniform(-STRETCH, STRETCH, (2, count)))
    y, x = np.mgrid[: side * SCALE, : side * SCALE] - (side * SCALE - 1) / 2
    # map the pixels of the result back: stretching, then shearing, then rotation
    lying = [one.reshape(-1, 1, 1) for one in (turn, lean, *stretch)]
    up, across = y / lying[2], x / lying[3] + lying[1] * y / lying[2]
    sine, cosine = np.sin(lying[0]), np.cos(lying[0])
    middle = (side - 1) / 2
    return sampled(
        digits, cosine * up - sine * across + middle, sine * up + cosine * across + middle
    )


def sampled(pictures: Any, y: Any, x: Any) -> Any:
    """Bilinear interpolation of (n, height, width) at positions (n, ...); 0 outside."""
    high, wide = pictures.shape[1:]
    framed = np.pad(pictures, ((0, 0), (1, 2), (1, 2)))
    y, x = np.clip(y + 1, 0, high + 1), np.clip(x + 1, 0, wide + 1)
    top, left = np.floor(y).astype(int), np.floor(x).astype(int)
    down, right = y - top, x - left
    rows = np.arange(len(pictures)).reshape(-1, *[1] * (y.ndim - 1))
    above = framed[rows, top, left] * (1 - right) + framed[rows, top, left + 1] * right
    below = framed[rows, top + 1, left] * (1 - right) + framed[rows, top + 1, left + 1] * right
    return above * (1 - down) + below * down


def moving(folder: Path) -> Labelled:
    """Digits that move through a noisy square at a constant speed; the label is the direction.

    A path is as likely as its reverse: neither a single frame nor the set of frames without their
    order distinguishes two opposite directions.
    """
    digits, _ = read_digits(folder)
    found = {}
    for number, (part, mine) in enumerate(dealt(len(digits)).items()):
        draw = np.random.default_rng([SEED, 10 + number])
        count = CLIPS[part]
        labels = [str(one) for one in draw.permutation(np.resize(list(DIRECTIONS), count))]
        clips = _moved(digits[draw.choice(mine, count)], labels, draw)
        names = [f"{part} clip {clip + 1}" for clip in range(count)]
        found[part] = SeriesSet(
            list(clips), labels, ["frame"], names,
            Notes(["the clips are made from digits: see `unrolled data moving-digits`"]),
        )  # fmt: skip
    return Labelled(found["train"], found["test"])


def _moved(digits: Any, labels: list[str], draw: Any) -> Any:
    """(n, frames, side, side, 1), light on dark."""
    count, side = digits.shape[:2]
    speed = draw.uniform(SLOWEST, FASTEST, (count, 1))
    step = np.array([DIRECTIONS[label] for label in labels])[:, None] * speed[:, :, None]
    room = SQUARE - side - np.abs(step) * (FRAMES - 1)  # of the first frame, along each axis
    first = draw.uniform(0, 1, (count, 1, 2)) * room - np.minimum(step * (FRAMES - 1), 0)
    corner = first + step * np.arange(FRAMES)[None, :, None]  # (n, frames, 2)
    places = np.arange(SQUARE)
    y = (places - corner[:, :, :1])[:, :, :, None] + np.zeros(SQUARE)
    x = (places - corner[:, :, 1:])[:, :, None, :] + np.zeros((SQUARE, 1))
    clean = sampled(digits, y, x)
    noisy = clean + draw.normal(0, NOISE, clean.shape)
    return np.round(np.clip(noisy / 16, 0, 1) * 255).astype(np.uint8)[..., None]
