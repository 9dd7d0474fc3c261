"""Recordings and their texts. In: a table of files and texts, a folder. Out: `Speech`.

Next: transcribe.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from unrolled.data.described import Described, Kind, fill
from unrolled.data.sound import ENDINGS, Sound, read_sound, resampled

RECORDINGS = Kind(
    "recording",
    "recordings",
    "WAV or FLAC files",
    ENDINGS,
    ("file", "path", "file_name", "filename", "wav", "audio"),
)


@dataclass
class Speech(Described):
    """Recordings at one rate, their names, and their texts (empty if not requested)."""

    rate: int = 0

    @property
    def sounds(self) -> list[Sound]:
        return self.contents


def read_speech(
    source: str | Path,
    file: str | None = None,
    text: str | None = None,
    *,
    labelled: bool = True,
    rate: int | None = None,
) -> Speech:
    """All recordings, resampled to one rate: the given one, or else the most frequent."""
    found = Speech()
    fill(found, source, RECORDINGS, read_sound, file, text, labelled)
    _bring_to(found, rate)
    return found


def _bring_to(found: Speech, rate: int | None) -> None:
    rates = Counter(sound.rate for sound in found.sounds)
    found.rate = rate or rates.most_common(1)[0][0]
    total = len(found)
    several = sum(sound.channels > 1 for sound in found.sounds)
    found.notes.count(several, total, "recordings", "have several channels: their mean was used")
    others = sorted(set(rates) - {found.rate})
    heard = ", ".join(f"{one:,} Hz" for one in others[:4])
    changed = total - rates[found.rate]
    found.notes.count(
        changed, total, "recordings", f"were resampled to {found.rate:,} Hz (they have {heard})"
    )
    found.contents = [resampled(sound, found.rate) for sound in found.sounds]
