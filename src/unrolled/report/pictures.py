"""Pictures with attention maps. In: pixels, weights by name. Out: a panel; next: `drawing`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from unrolled.report.drawing import NARROW, SERIES, WIDE, Panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAME = 0.2  # inches above a tile, for its name
FLAT, SQUARE = 2.5, 1.3  # aspect ratios for the number of columns of tiles
COVER = 0.85  # opacity at the largest weight
LETTERS = 14  # of a name
MOST = 9.0  # inches
FILM = 6  # frames in a row


def picture_with_maps(pixels: Any, maps: Sequence[tuple[str, Any]]) -> Panel:
    """The picture (height, width, 1 or 3) of 8 bits, then with each of the grids of weights as an
    overlay, whose opacity increases with the weight."""
    high, wide = pixels.shape[:2]
    columns = 2 if wide > FLAT * high else 3 if wide > SQUARE * high else 4
    tiles = [("the picture", pixels, None), *((name, pixels, grid) for name, grid in maps)]
    return _tiled(tiles, columns)


def film(frames: Any, names: Sequence[str]) -> Panel:
    """Frames (T, height, width, 1 or 3) of 8 bits, in order."""
    return _tiled([(name, frame, None) for name, frame in zip(names, frames)], FILM)


def _tiled(tiles: Sequence[tuple[str, Any, Any]], columns: int) -> Panel:
    """Named pictures of one size in rows, each with an optional grid of weights."""
    high, wide = map(int, tiles[0][1].shape[:2])
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    between = 0.06 * wide
    name = NAME * columns / NARROW * wide  # in pixels, where the drawing is narrow

    def paint(axes: Axes) -> None:
        for number, (title, pixels, weights) in enumerate(tiles):
            left = number % columns * (wide + between)
            top = number // columns * (high + name) + name
            place = (left, left + wide, top + high, top)
            shown = pixels[:, :, 0] if pixels.shape[2] == 1 else pixels
            axes.imshow(shown, cmap="gray", vmin=0, vmax=255, extent=place)
            if weights is not None:
                axes.imshow(_cover(weights), extent=place)
            axes.text(left, top - 0.15 * name, _short(title), ha="left", va="bottom")
        axes.set_xlim(0, columns * (wide + between))
        axes.set_ylim(rows * (high + name), 0)
        axes.set_axis_off()

    shape = rows * (high + name) / (columns * (wide + between))
    return Panel(paint, "", min(MOST, 0.2 + shape * WIDE), min(MOST, 0.2 + shape * NARROW))


def _cover(weights: Any) -> Any:
    """A color whose opacity increases with the weight."""
    cover = np.zeros((*weights.shape, 4))
    cover[:, :, :3] = [int(SERIES[1][place : place + 2], 16) / 255 for place in (1, 3, 5)]
    cover[:, :, 3] = COVER * weights / max(float(weights.max()), 1e-9)
    return cover


def _short(name: str) -> str:
    return name if len(name) <= LETTERS else name[: LETTERS - 1] + "…"
