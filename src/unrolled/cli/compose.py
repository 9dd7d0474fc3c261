"""Compose with a run: freely, from a beginning, or under a melody.

unrolled compose runs/chorales-1 --out piece.mid --seed 3
unrolled compose runs/chorales-1 --out piece.wav --voice melody.abc
unrolled compose runs/chorales-1 --out piece.mid --beginning start.mid --first 8 --length 64

The extension of --out determines the format: .mid, or .wav from a small synthesizer; give --out
twice for both. The highest notes of --voice are the melody; everything else is composed below them.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from unrolled.cli import seed_of
from unrolled.errors import UsageError

ENDINGS = (".mid", ".midi", ".wav")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", help="the folder of the run")
    parser.add_argument(
        "--out", metavar="FILE", action="append", help="a .mid or .wav file; may be repeated"
    )
    parser.add_argument("--seed", type=seed_of, default=0, help="random seed (default: 0)")
    parser.add_argument(
        "--length", type=float, metavar="N",
        help="quarter notes (default: those of --voice, else 64)",
    )  # fmt: skip
    parser.add_argument("--beginning", metavar="FILE", help="a piece to continue")
    parser.add_argument("--first", type=float, metavar="N", help="quarter notes to keep of it")
    parser.add_argument("--voice", metavar="FILE", help="a melody to harmonize")
    parser.add_argument(
        "--temperature", type=float, default=1.0,
        help="0: the most probable notes; 1: as learned; above 1: more varied (default: 1)",
    )  # fmt: skip
    parser.add_argument("--tempo", type=float, metavar="N", help="quarter notes per minute")


def run(arguments: argparse.Namespace) -> int:
    from unrolled.data import midi, synthesizer
    from unrolled.tasks.compose.composer import Composer
    from unrolled.training import settings as checks

    if not arguments.out:
        raise UsageError("no output file is given: add --out piece.mid or --out piece.wav")
    paths = [Path(name) for name in arguments.out]
    for path in paths:
        if path.suffix.lower() not in ENDINGS:
            raise UsageError(f"--out {path}: the name must end in .mid or .wav")
    checks.not_negative("--temperature", arguments.temperature)
    for name in ("length", "first", "tempo"):
        value = getattr(arguments, name)
        if value is not None and not 0 < value <= 10_000:
            raise UsageError(f"--{name} must be a number above 0 and up to 10,000, not {value:g}")
    if arguments.first and not arguments.beginning:
        raise UsageError("--first says how much of --beginning to keep: name that, or leave it out")
    model = Composer.load(arguments.run)
    piece = model.compose(
        arguments.length,
        beginning=_beginning(arguments),
        voice=_piece(arguments.voice),
        temperature=arguments.temperature,
        seed=arguments.seed,
        tempo=arguments.tempo,
    )
    for path in paths:
        write = synthesizer.write_wav if path.suffix.lower() == ".wav" else midi.write
        write(piece, path)
        print(f"{path}: {len(piece.notes):,} notes, {piece.length:g} quarter notes")
    return 0


def _piece(name: str | None) -> Any:
    """The piece in a file."""
    from unrolled.data.score_files import read_music

    if name is None:
        return None
    found = read_music(name)
    for note in found.notes:
        print(f"note: {note}", file=sys.stderr)
    if len(found) > 1:
        print(f"note: {name} holds {len(found):,} pieces: the first is used", file=sys.stderr)
    return found.pieces[0]


def _beginning(arguments: argparse.Namespace) -> Any:
    piece = _piece(arguments.beginning)
    if piece is None or arguments.first is None:
        return piece
    kept = tuple(
        replace(note, length=min(note.length, arguments.first - note.start))
        for note in piece.notes
        if note.start < arguments.first
    )
    if not kept:
        raise UsageError(f"--first {arguments.first:g} keeps no note of {arguments.beginning}")
    return replace(piece, notes=kept)
