"""MusicXML, plain or packed. In: .musicxml, .xml, .mxl. Out: pieces; next: `scores`.

Uses the standard library. Supports notes, chords, voices, ties, transposing instruments and the
first tempo. Repeats are played once; grace notes are ignored.
"""

from __future__ import annotations

import zipfile
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from xml.etree import ElementTree

from unrolled.data.opening import DAMAGE
from unrolled.data.scores import MOST_BYTES, TEMPO, Note, Piece, in_order, number_of, settled
from unrolled.errors import DataError
from unrolled.literal import because

Element = ElementTree.Element
SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
ZIP_DAMAGE: tuple[type[Exception], ...] = (*DAMAGE, OSError, RuntimeError)
CONTAINER = "META-INF/container.xml"


def read(path: Path) -> list[Piece]:
    """The piece in a file."""
    data = path.read_bytes()
    if data[:4] == b"PK\x03\x04":
        data = _unpacked(path)
    root = _tree(path, data)
    if root.tag == "score-timewise":
        raise DataError(f"{path} is sorted by measure (score-timewise): save it as score-partwise")
    if root.tag != "score-partwise":
        raise DataError(f"{path} is not MusicXML: it has <{root.tag:.40}>, not <score-partwise>")
    try:
        parts = [_Part(one) for one in root.iter("part")]
    except (ValueError, ZeroDivisionError, KeyError, OverflowError) as error:
        raise DataError(
            f"{path} is damaged: a note or a duration is not a number ({because(error)})"
        ) from None
    notes = in_order(note for part in parts for note in part.notes)
    return [Piece(path.name, notes, _tempo(root), sum(part.drums for part in parts))]


def _tree(path: Path, data: bytes) -> Element:
    if b"<!ENTITY" in data:  # they can expand to more text than fits into memory
        raise DataError(f"{path} defines entities, which a score does not need: save it again")
    try:
        return ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise DataError(
            f"{path} is not XML, or is truncated ({because(error)}): download it again"
        ) from None


def _unpacked(path: Path) -> bytes:
    """The score in a compressed file: the one that its container names, or else the first."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [
                one for one in archive.namelist() if one.lower().endswith((".xml", ".musicxml"))
            ]
            if CONTAINER in names:
                named = [
                    one.get("full-path", "")
                    for one in _tree(path, _member(path, archive, CONTAINER)).iter()
                    if one.tag.endswith("rootfile")
                ]
                names = [one for one in named if one in archive.namelist()] or names
            names = [one for one in names if one != CONTAINER]
            if not names:
                raise DataError(f"{path} is compressed and contains no score: download it again")
            return _member(path, archive, names[0])
    except ZIP_DAMAGE as error:
        raise DataError(
            f"{path} is damaged or truncated ({because(error)}): download it again"
        ) from None


def _member(path: Path, archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as stream:
        data = stream.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise DataError(f"{path} unpacks to more than {MOST_BYTES:,} bytes, the limit for a score")
    return data


def _tempo(root: Element) -> float:
    for sound in root.iter("sound"):
        try:
            found = float(sound.get("tempo", ""))
        except ValueError:
            continue
        if 10 <= found <= 1000:
            return found
    return TEMPO


@lru_cache(1000)  # the many notes of a score have few different values
def _fraction(text: str, unit: Fraction = Fraction(1)) -> Fraction:
    return number_of(text) / unit


class _Part:
    """Reads one instrument from its first measure to its last."""

    def __init__(self, part: Element) -> None:
        self.now, self.begun = Fraction(0), Fraction(0)
        self.divisions, self.transposed, self.drums = Fraction(1), 0, 0
        self.held: dict[int, tuple[Fraction, Fraction]] = {}  # tied notes: their start and end
        self.notes: list[Note] = []
        for measure in part.iter("measure"):
            first = last = self.now
            for one in measure:
                self.read(one)
                last = max(last, self.now)
            self.now = max(last, first)
        for pitch in list(self.held):
            self.release(pitch)

    def read(self, one: Element) -> None:
        if one.tag == "attributes":
            self.divisions = number_of(one.findtext("divisions") or str(self.divisions))
            self.divisions = 1 / (1 / self.divisions)  # zero raises an error here
            shift = one.find("transpose")
            if shift is not None:
                octaves = int(shift.findtext("octave-change") or 0)
                self.transposed = int(shift.findtext("chromatic") or 0) + 12 * octaves
        elif one.tag in ("backup", "forward"):
            moved = self.quarters(one)
            moved = moved if one.tag == "forward" else -moved
            self.now = max(Fraction(0), settled(self.now + moved))
        elif one.tag == "note" and one.find("grace") is None:
            self.note(one)

    def quarters(self, one: Element) -> Fraction:
        return _fraction(one.findtext("duration") or "0", self.divisions)

    def note(self, one: Element) -> None:
        length = self.quarters(one)
        if one.find("chord") is None:
            self.begun = self.now
            self.now = settled(self.now + length)
        pitch, drum = one.find("pitch"), one.find("unpitched")
        if drum is not None:
            self.drums += 1
        if pitch is None or length <= 0:
            return
        key = SEMITONES[(pitch.findtext("step") or "").strip()] + self.transposed
        key += 12 * (int(pitch.findtext("octave") or "") + 1)
        key += int(_fraction(pitch.findtext("alter") or "0"))
        ties = {tie.get("type") for tie in one.findall("tie")}
        start, end = self.begun, settled(self.begun + length)
        before = self.held.get(key)
        if "stop" in ties and before is not None and before[1] == start:
            start = before[0]
            del self.held[key]
        if "start" in ties:
            self.release(key)
            self.held[key] = start, end
        else:
            self.notes.append(Note(float(start), key, float(end - start)))

    def release(self, key: int) -> None:
        """End a tie that is not continued where its note ends."""
        if key in self.held:
            start, end = self.held.pop(key)
            self.notes.append(Note(float(start), key, float(end - start)))
