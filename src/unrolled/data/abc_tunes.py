"""Tunes in ABC notation. In: a file of one tune or many. Out: a piece each; next: `scores`.

Supports keys and modes, accidentals that last for a bar, lengths, broken rhythm, tuplets, chords,
ties, voices, and the first tempo. Chord names, words, ornaments and grace notes are ignored;
repeats are played once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from unrolled.data.scores import TEMPO, Note, Piece, in_order, number_of, settled
from unrolled.errors import DataError
from unrolled.literal import because

NATURAL = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
FIFTHS = {"F": -1, "C": 0, "G": 1, "D": 2, "A": 3, "E": 4, "B": 5}  # sharps of a major key
MODES = {
    "": 0, "maj": 0, "ion": 0, "mix": -1, "dor": -2, "m": -3, "min": -3, "aeo": -3, "phr": -4,
    "loc": -5, "lyd": 1,
}  # fmt: skip
ACCIDENTALS = {"^": 1, "^^": 2, "_": -1, "__": -2, "=": 0}
TUPLETS = {2: 3, 3: 2, 4: 3, 5: 2, 6: 2, 7: 2, 8: 3, 9: 2}  # this many notes in the time of
MIDDLE = 60
LONGEST = 1 << 10  # quarter notes of the longest note

# The search for a closing mark is bounded, since a line may have millions of letters.
TOKEN = re.compile(
    r"""(?P<skip>"[^"]{0,500}"|![^!]{0,500}!|\+[^+]{0,500}\+|\{[^}]{0,500}\}|%.*|\\)
    |\[(?P<field>[A-Za-z]):(?P<value>[^\]]{0,500})\]
    |(?P<bar>\[?\|[\]:|\d]*|:+\|?[\]:|\d]*|\[\d)
    |\((?P<tuplet>[2-9])(?::(?P<into>\d?))?(?::(?P<over>\d?))?
    |(?P<open>\[)|(?P<close>\])(?P<close_length>\d*/*\d*)
    |(?P<accidental>\^\^?|__?|=)?(?P<note>[A-Ga-g])(?P<octave>[,']*)(?P<length>\d*/*\d*)
    |(?P<rest>[zxZX])(?P<rest_length>\d*/*\d*)
    |(?P<tie>-)|(?P<broken>>+|<+)""",
    re.VERBOSE,
)
FIELD = re.compile(r"([A-Za-z]):\s*(.*)")


def read(path: Path) -> list[Piece]:
    """Every tune of a file: each begins with `X:`."""
    text = path.read_bytes().decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    tunes = re.split(r"(?m)^(?=X:)", text)
    tunes = [one for one in tunes if one.startswith("X:")]
    if not tunes:
        raise DataError(
            f"{path} is not an ABC file: no line begins with X: and the number of a tune"
        )
    pieces = []
    for number, tune in enumerate(tunes, 1):
        reading = _Tune()
        try:
            reading.read(tune)
        except (ValueError, ZeroDivisionError, OverflowError) as error:
            raise DataError(f"{path}, tune {number}: {because(error)}") from None
        notes = in_order(note for voice in reading.voices.values() for note in voice.notes)
        pieces.append(Piece(f"{path.name}, tune {number}", notes, reading.tempo))
    return pieces


def key_signature(text: str) -> dict[str, int]:
    """How a key such as `Bb`, `F#m` or `Ador` alters each letter."""
    found = re.match(r"([A-G])([#b]?)\s*([A-Za-z]*)", text)
    if text.strip().lower() in ("", "none") or text.startswith(("HP", "Hp")) or found is None:
        return {}
    letter, sign, mode = found.groups()
    mode = mode.lower() if mode in ("m", "M") else mode.lower()[:3]
    sharps = FIFTHS[letter] + {"": 0, "#": 7, "b": -7}[sign] + MODES.get(mode, 0)
    order = "FCGDAEB"
    return dict.fromkeys(order[:sharps], 1) if sharps > 0 else (
        dict.fromkeys(order[::-1][:-sharps], -1)
    )  # fmt: skip


def length_of(text: str) -> Fraction:
    """`3`, `3/2`, `/`, `//`, `/4` as a number of units."""
    if not text:
        return Fraction(1)
    above, slashes, below = re.fullmatch(r"(\d*)(/*)(\d*)", text).groups()  # type: ignore[union-attr]
    whole = Fraction(int(above or 1))
    if below:
        whole /= int(below)
    elif slashes:
        whole /= 2 ** len(slashes)
    return whole


class _Voice:
    """The position and the notes of one voice."""

    def __init__(self) -> None:
        self.now = Fraction(0)
        self.notes: list[Note] = []
        self.last: list[int] = []  # indices in `notes` of the last note or chord
        self.tied: dict[int, int] = {}  # pitch -> index of a note with an open tie
        self.altered: dict[str, int] = {}  # by accidentals in this bar
        self.tuplet = (0, Fraction(1))  # remaining notes, and the factor of their lengths
        self.broken = Fraction(1)  # factor of the next note's length


class _Tune:
    """One tune, line by line."""

    def __init__(self) -> None:
        self.unit, self.metre, self.tempo = Fraction(0), Fraction(1), TEMPO
        self.key: dict[str, int] = {}
        self.voices: dict[str, _Voice] = {"": _Voice()}
        self.voice = self.voices[""]

    def read(self, text: str) -> None:
        for line in text.split("\n"):
            found = FIELD.match(line)
            if found and found[1] not in "wW":
                self.field(*found.groups())
            elif not found and not line.startswith("%"):
                self.music(line)

    def field(self, name: str, value: str) -> None:
        value = value.partition("%")[0].strip()
        if name == "K":
            self.key = key_signature(value)
        elif name == "L":
            self.unit = 4 * number_of(value.replace(" ", ""))
            if not 0 < self.unit <= 16:
                raise ValueError(f"L:{value} is not the length of a note, such as L:1/8")
        elif name == "M":
            usual = {"C": "4/4", "C|": "2/2", "none": "4/4", "": "4/4"}
            above, _, below = usual.get(value, value).partition("/")
            numbers = [int(one) for one in re.findall(r"\d+", above)]
            if not numbers or not below.strip().isdigit():
                raise ValueError(f"M:{value:.20} is not a meter, such as M:6/8")
            self.metre = Fraction(sum(numbers), int(below))
        elif name == "Q":
            self.tempo = self.tempo_of(value)
        elif name == "V":
            identity = value.split()[0] if value else ""
            self.voice = self.voices.setdefault(identity, _Voice())

    def tempo_of(self, value: str) -> float:
        found = re.search(
            r"(?:(\d+)/(\d+)\s*=\s*)?(\d+)\s*$", re.sub(r'"[^"]*"', "", value).strip()
        )
        if found is None:
            return self.tempo
        beat = 4 * Fraction(int(found[1]), int(found[2])) if found[1] else Fraction(1)
        tempo = float(int(found[3]) * beat)
        return tempo if 10 <= tempo <= 1000 else self.tempo

    @property
    def quarters(self) -> Fraction:
        """The default length: an eighth note, or a sixteenth in short bars."""
        return self.unit or (Fraction(1, 2) if self.metre >= Fraction(3, 4) else Fraction(1, 4))

    def music(self, line: str) -> None:
        tokens = list(_tokens(line))
        at = 0
        while at < len(tokens):
            one = tokens[at]
            if one["open"]:
                end = next((k for k in range(at, len(tokens)) if tokens[k]["close"]), None)
                if end is None:
                    raise ValueError("a chord is opened by [ and never closed")
                chord = [token for token in tokens[at:end] if token["note"]]
                self.strike(chord, length_of(tokens[end]["close_length"] or ""))
                at = end
            elif one["note"]:
                self.strike([one], Fraction(1))
            else:
                self.other(one)
            at += 1

    def other(self, one: re.Match[str]) -> None:
        voice = self.voice
        if one["field"]:
            self.field(one["field"], one["value"])
        elif one["bar"]:
            voice.altered = {}
        elif one["tuplet"]:
            count = int(one["tuplet"])
            into = int(one["into"] or TUPLETS[count])
            voice.tuplet = int(one["over"] or count), Fraction(into, count)
        elif one["rest"]:
            length = length_of(one["rest_length"])
            bars = one["rest"] in "ZX"
            self.move(4 * self.metre * length if bars else self.lasting(length))
            voice.last, voice.tied = [], {}
        elif one["tie"]:
            voice.tied = {voice.notes[place].pitch: place for place in voice.last}
        elif one["broken"]:
            self.break_rhythm(one["broken"])

    def lasting(self, length: Fraction) -> Fraction:
        """Quarter notes of a length in units, within a tuplet and after a broken rhythm."""
        voice = self.voice
        length *= self.quarters * voice.broken
        voice.broken = Fraction(1)
        left, times = voice.tuplet
        if left:
            voice.tuplet = left - 1, times
            length *= times
        return length

    def move(self, length: Fraction) -> None:
        if length > LONGEST:
            raise ValueError(f"a note lasts {float(length):,.0f} quarter notes")
        self.voice.now = settled(self.voice.now + length)

    def strike(self, chord: list[re.Match[str]], times: Fraction) -> None:
        if not chord:
            return
        voice = self.voice
        length = self.lasting(times * length_of(chord[0]["length"]))
        struck: list[int] = []
        for one in chord:
            pitch = self.pitch(one)
            place = voice.tied.get(pitch)
            if place is None:
                struck.append(len(voice.notes))
                voice.notes.append(Note(float(voice.now), pitch, float(length)))
            else:
                held = voice.notes[place]
                voice.notes[place] = Note(held.start, pitch, held.length + float(length))
                struck.append(place)
        voice.tied, voice.last = {}, struck
        self.move(length)

    def pitch(self, one: re.Match[str]) -> int:
        letter = one["note"]
        name = letter.upper()
        marks = one["octave"]
        octave = (1 if letter.islower() else 0) + marks.count("'") - marks.count(",")
        place = f"{name}{octave}"
        if one["accidental"]:
            self.voice.altered[place] = ACCIDENTALS[one["accidental"]]
        sign = self.voice.altered.get(place, self.key.get(name, 0))
        return MIDDLE + NATURAL[name] + 12 * octave + sign

    def break_rhythm(self, mark: str) -> None:
        """`a>b`: a is dotted and b is halved; `a<b`: the reverse."""
        voice = self.voice
        short = Fraction(1, 2 ** len(mark))
        first, voice.broken = (2 - short, short) if mark[0] == ">" else (short, 2 - short)
        for place in voice.last:
            note = voice.notes[place]
            more = note.length * (float(first) - 1)
            voice.notes[place] = Note(note.start, note.pitch, note.length + more)
        if voice.last:
            end = voice.notes[voice.last[0]]
            voice.now = Fraction(end.start + end.length).limit_denominator(1 << 12)


def _tokens(line: str) -> Iterator[re.Match[str]]:
    """The tokens of a line; spaces, slurs and ornaments are ignored."""
    for found in TOKEN.finditer(line):
        if not found["skip"]:
            yield found
