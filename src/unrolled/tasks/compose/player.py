"""A player for a page. In: grids by title. Out: `Live`; next: the report.

The browser's oscillators make the sound: nothing is downloaded.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from typing import Any

from unrolled.data.piano_roll import bars_of
from unrolled.data.scores import LOWEST
from unrolled.report.blocks import Live
from unrolled.tasks.live import source


def player(pieces: Mapping[str, tuple[Any, Any, float]], steps: int) -> Live:
    """A player for pieces: title -> (grid, its given part, quarter notes per minute)."""
    known = [
        {
            "seconds": len(roll) * 60 / tempo / steps,
            "notes": [
                [
                    round(start * 60 / tempo / steps, 4),
                    round(length * 60 / tempo / steps, 4),
                    key + LOWEST,
                    int(bool(given[start][key])) if start < len(given) else 0,
                ]
                for start, length, key in bars_of(roll)
            ],
        }
        for roll, given, tempo in pieces.values()
    ]
    options = "".join(
        f'<option value="{number}">{html.escape(title)}</option>'
        for number, title in enumerate(pieces)
    )
    script = f"const pieces = {json.dumps(known)};\n{source('compose', 'player.js')}"
    return Live("Listen", _BODY.format(options=options), script)


_BODY = """<div class="controls">
<label for="piece">Piece</label> <select id="piece">{options}</select>
<button id="play" type="button">Play</button>
<output id="clock">0:00</output>
</div>
<svg id="roll" role="img" aria-label="piano roll of the piece" preserveAspectRatio="none"
 style="width: 100%; height: 14rem"></svg>
<p class="hint">Orange: given. Blue: composed. Click on the picture to play from there.</p>"""
