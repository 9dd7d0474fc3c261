"""Draws panels as SVG. In: panels (see `figures`). Out: a `Drawing`; next: `page`.

Each figure is drawn twice, wide for a desktop or paper and narrow for a phone, so that its text is
readable on both. Text stays text, and colors follow the light or dark theme of the page. The same
data give the same bytes: no date, no random name.
"""

from __future__ import annotations

import html
import io
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unrolled.literal import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Colors that color-blind people can distinguish (Okabe & Ito 2008), darkest on white first.
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
INK, FAINT, PAPER = "#1b1e23", "#c5cad3", "#ffffff"
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (7, 2)))
MARKERS = ("o", "s", "^", "D", "v", "P")

# In the page, each color is a variable of its style sheet for light and dark.
VARIABLES = {INK: "currentColor", FAINT: "var(--faint)", PAPER: "var(--paper)"}
VARIABLES |= {colour: f"var(--series-{number})" for number, colour in enumerate(SERIES)}

LETTERS = 72  # of a title or the label of an axis: more do not fit
WIDE, NARROW = 6.9, 3.6  # inches; 662 and 346 points of a screen

STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "unrolled",
    "text.parse_math": False,
    "font.family": ["DejaVu Sans", "sans-serif"],
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.labelsize": 9.0,
    "figure.titlesize": 9.5,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "legend.handlelength": 2.4,
    "lines.linewidth": 1.7,
    "lines.markersize": 4.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.grid": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "image.interpolation": "none",
}


@dataclass(frozen=True)
class Panel:
    """One pair of axes: its paint function, and its height in inches at each width."""

    paint: Callable[[Axes], None]
    title: str = ""
    height: float = 2.7
    narrow_height: float = 2.6


@dataclass(frozen=True)
class Drawing:
    """The two SVG texts of a figure, with colors for white paper."""

    wide: str
    narrow: str

    def inline(self, key: str, title: str, alt: str) -> str:
        """Both, for a page whose style sheet shows the one that fits."""
        return "\n".join(
            _embedded(svg, f"{key}-{size}", size, title, alt)
            for size, svg in (("wide", self.wide), ("narrow", self.narrow))
        )

    def file(self, title: str, alt: str) -> str:
        """The wide one as a separate file: on white, with its title."""
        described = _described(self.wide, title, alt)
        paper = f'<rect width="100%" height="100%" fill="{PAPER}"/>'
        return '<?xml version="1.0" encoding="utf-8"?>\n' + visible(
            described.replace("</desc>", f"</desc>{paper}", 1)
        )


def draw(panels: Panel | Sequence[Panel]) -> Drawing:
    """Draw one or several panels: side by side if wide, otherwise one above the other."""
    panels = [panels] if isinstance(panels, Panel) else list(panels)
    return Drawing(_draw(panels, narrow=False), _draw(panels, narrow=True))


def _draw(panels: list[Panel], narrow: bool) -> str:
    import matplotlib.style
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with matplotlib.style.context(["default", STYLE]), warnings.catch_warnings():
        # the text stays text: whether a glyph exists depends on the reader's browser
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        columns = 1 if narrow else min(len(panels), 2)
        rows = -(-len(panels) // columns)
        heights = [
            max(p.narrow_height if narrow else p.height for p in panels[at : at + columns])
            for at in range(0, len(panels), columns)
        ]
        figure = Figure(figsize=(NARROW if narrow else WIDE, sum(heights)), layout="constrained")
        FigureCanvasSVG(figure)
        grid = figure.subfigures(rows, columns, squeeze=False, height_ratios=heights)
        for part, panel in zip(grid.flat, panels, strict=False):
            _paint(part, panel, legend_columns=2 if narrow or columns > 1 else 4)
        with io.StringIO() as file:
            figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
            return visible(_clean(file.getvalue()))


def _paint(part: Any, panel: Panel, legend_columns: int) -> None:
    from matplotlib.text import Text

    axes = part.subplots()
    panel.paint(axes)
    if panel.title:
        part.suptitle(panel.title, x=0.02, ha="left")
    for text in part.findobj(Text):
        upright = text.get_rotation() > 0
        text.set_text(_shown(text.get_text(), LETTERS // 3 if upright else LETTERS))
    handles, labels = axes.get_legend_handles_labels()
    labels = [_shown(label, LETTERS // 2) for label in labels]
    if handles:
        # a letter is about 0.075 inches wide, and the line before it 0.6 with its gaps
        room = int(part.bbox.width / part.dpi / (0.6 + 0.075 * max(map(len, labels))))
        columns = max(1, min(legend_columns, room))
        part.legend(handles, labels, loc="outside lower left", ncols=columns)


def _shown(text: str, most: int) -> str:
    """User text for a figure: on one line, without commands, and truncated.

    `STYLE` prevents matplotlib from parsing it as mathematics.
    """
    text = visible(text).replace("\n", " ")
    return text if len(text) <= most else text[: most - 1] + "…"


def _clean(svg: str) -> str:
    """The `<svg>` element alone, without what is unnecessary in a page or differs by machine."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    return re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL).strip()


def _described(svg: str, title: str, alt: str) -> str:
    end = svg.index(">") + 1
    words = f"<title>{html.escape(title)}</title><desc>{html.escape(alt)}</desc>"
    return svg[:end] + words + svg[end:]


def _embedded(svg: str, prefix: str, size: str, title: str, alt: str) -> str:
    """The SVG with unique ids, the colors of the page, and a description for accessibility."""
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", svg)
    svg = re.sub(r'href="#([^"]+)"', rf'href="#{prefix}-\1"', svg)
    svg = re.sub(r'style="[^"]*"', _page_colours, svg)
    box = re.search(r'viewBox="([^"]+)"', svg)
    assert box is not None, "an SVG without a viewBox"
    start = (
        f'<svg class="{size}" viewBox="{box[1]}" xmlns="http://www.w3.org/2000/svg" '
        'xmlns:xlink="http://www.w3.org/1999/xlink" role="img" '
        f'aria-label="{html.escape(f"{title}. {alt}")}">'
    )
    return _described(start + svg[svg.index(">") + 1 :], title, alt)


def _page_colours(style: re.Match[str]) -> str:
    return re.sub("#[0-9a-f]{6}", lambda colour: VARIABLES.get(colour[0], colour[0]), style[0])
