"""Scores become notes, notes a grid, a grid notes again; what is no score is a sentence."""

import wave
import zipfile

import mido
import numpy as np
import pytest

from unrolled.data import abc_tunes, midi, synthesizer
from unrolled.data.piano_roll import HELD, SILENT, STRUCK, fine_enough, piece_of, roll_of
from unrolled.data.score_files import read_music, read_pieces
from unrolled.data.scores import LOWEST, Music, NoNotes, Note, Piece
from unrolled.errors import DataError

NOTE = "<note>{}<pitch><step>{}</step><octave>{}</octave></pitch><duration>{}</duration>{}</note>"


def score(*notes, more=""):
    body = "".join(notes)
    return (
        "<score-partwise><part><measure><attributes><divisions>2</divisions></attributes>"
        f'<sound tempo="90"/>{body}</measure>{more}</part></score-partwise>'
    )


def midi_file(path, messages, channel=0, **more):
    """(pitch, velocity, ticks since the one before); 480 ticks a quarter note."""
    file = mido.MidiFile(ticks_per_beat=480, **more)
    file.tracks.append(mido.MidiTrack())
    for pitch, velocity, ticks in messages:
        file.tracks[0].append(
            mido.Message("note_on", note=pitch, velocity=velocity, time=ticks, channel=channel)
        )
    file.save(path)
    return path


def test_midi_keeps_starts_lengths_and_notes_that_repeat(tmp_path):
    path = midi_file(
        tmp_path / "a.mid", [(60, 90, 0), (64, 90, 480), (60, 90, 480), (64, 0, 0), (60, 0, 240)]
    )
    (piece,) = read_pieces(path)
    assert piece.notes == (Note(0.0, 60, 2.0), Note(1.0, 64, 1.0), Note(2.0, 60, 0.5))


def test_a_piece_survives_midi_and_the_grid(tmp_path):
    draw = np.random.default_rng(3)
    roll = draw.choice([SILENT, HELD, STRUCK], p=[0.8, 0.1, 0.1], size=(24, 88)).astype(np.uint8)
    before = np.concatenate([np.zeros_like(roll[:1]), roll[:-1]])
    roll[(roll == HELD) & (before == SILENT)] = STRUCK  # no key is held that was not struck
    roll[-1, 40] = STRUCK
    piece = piece_of(roll, 4, tempo=120.0)
    assert np.array_equal(roll_of(piece, 4), roll)
    midi.write(piece, tmp_path / "b.mid")
    (again,) = read_pieces(tmp_path / "b.mid")
    assert again.notes == piece.notes
    assert again.tempo == 120.0


def test_a_grid_hears_what_sounds_where_a_step_begins():
    piece = Piece("x", (Note(0.0, 60, 0.5), Note(0.5, 62, 0.5), Note(1.05, 64, 1.0)))
    roll = roll_of(piece, 1)
    assert roll[:, [60 - LOWEST, 62 - LOWEST, 64 - LOWEST]].tolist() == [[2, 0, 0], [0, 0, 2]]
    assert fine_enough([piece]) == 2


def test_musicxml_reads_chords_voices_and_ties(tmp_path):
    tie = '<tie type="{}"/>'
    text = score(
        NOTE.format("", "C", 4, 2, ""),
        NOTE.format("<chord/>", "E", 4, 2, ""),
        NOTE.format("", "G", 4, 2, tie.format("start")),
        "<backup><duration>4</duration></backup>",
        NOTE.format("", "C", 3, 4, ""),
        more=f"<measure>{NOTE.format('', 'G', 4, 1, tie.format('stop'))}</measure>",
    )
    expected = (Note(0.0, 48, 2.0), Note(0.0, 60, 1.0), Note(0.0, 64, 1.0), Note(1.0, 67, 1.5))
    (tmp_path / "a.musicxml").write_text(text)
    with zipfile.ZipFile(tmp_path / "a.mxl", "w") as archive:
        archive.writestr(
            "META-INF/container.xml", '<container><rootfile full-path="s.xml"/></container>'
        )
        archive.writestr("s.xml", text)
    for name in ("a.musicxml", "a.mxl"):
        (piece,) = read_pieces(tmp_path / name)
        assert piece.notes == expected
        assert piece.tempo == 90.0


@pytest.mark.parametrize(
    ("music", "expected"),
    [
        ("K:C\nC D2 z c", [(0, 60, 0.5), (0.5, 62, 1), (2, 72, 0.5)]),
        ("K:D\nF =F F | F", [(0, 66, 0.5), (0.5, 65, 0.5), (1, 65, 0.5), (1.5, 66, 0.5)]),
        ("K:Gm\nB,", [(0, 58, 0.5)]),
        ("K:C\nA>B", [(0, 69, 0.75), (0.75, 71, 0.25)]),
        ("K:C\n(3CDE F", [(0, 60, 1 / 3), (1 / 3, 62, 1 / 3), (2 / 3, 64, 1 / 3), (1, 65, 0.5)]),
        ("K:C\n[CE]2-[CE]", [(0, 60, 1.5), (0, 64, 1.5)]),
        ('L:1/4\nK:C\n"Am"C/ {d}!trill!E//', [(0, 60, 0.5), (0.5, 64, 0.25)]),
        ("K:C\nV:1\nC\nV:2\nE,", [(0, 52, 0.5), (0, 60, 0.5)]),
    ],
)
def test_abc(tmp_path, music, expected):
    path = tmp_path / "a.abc"
    path.write_text(f"X:1\nT:a tune\nM:4/4\n{music}\n")
    (piece,) = abc_tunes.read(path)
    found = [(round(n.start, 9), n.pitch, round(n.length, 9)) for n in piece.notes]
    assert found == [
        (round(start, 9), pitch, round(length, 9)) for start, pitch, length in expected
    ]


def test_equal_pieces_stay_together():
    pieces = [Piece(str(n), (Note(0.0, 60 + n % 5, 1.0),)) for n in range(20)]
    learned, held = Music(pieces).hold_out(0.3, 0)
    assert not {one.notes for one in learned.pieces} & {one.notes for one in held.pieces}


def test_a_note_sounds_at_its_frequency(tmp_path):
    piece = Piece("a", (Note(0.0, 69, 4.0),), tempo=120.0)
    samples = synthesizer.synthesize(piece)
    strongest = np.fft.rfft(samples[: synthesizer.RATE]).__abs__().argmax()
    assert strongest == 440
    synthesizer.write_wav(piece, tmp_path / "a.wav")
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert file.getnframes() == len(samples)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.mid", b"no MIDI", "it does not begin with MThd"),
        ("a.mid", b"MThd\0\0\0\6\0\1\0\1\1\xe0MTrk\0\0\0\x40\0\x90", "damaged or truncated"),
        ("a.mp3", b"ID3", "is not a supported score"),
        ("a.xml", b"<score-partwise><part>", "not XML, or is truncated"),
        ("a.xml", b"<html></html>", "it has <html>"),
        ("a.xml", b'<!DOCTYPE x [<!ENTITY a "b">]><x/>', "defines entities"),
        ("a.xml", score(NOTE.format("", "C", "x", 2, "")).encode(), "is not a number"),
        ("a.mxl", b"PK\x03\x04 cut", "damaged or truncated"),
        ("a.abc", b"no tune", "no line begins with X:"),
        ("a.abc", b"X:1\nL:0\nK:C\nC", "is not the length of a note"),
        ("a.abc", b"X:1\nK:C\n[CE", "never closed"),
        ("a.abc", b"X:1\nK:C\nz4", "contains no notes"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=sentence):
        read_music(tmp_path / name)


def test_midi_without_notes_and_with_drums_alone(tmp_path):
    with pytest.raises(NoNotes, match="contains no notes"):
        read_music(midi_file(tmp_path / "a.mid", []))
    drums = [(40, 90, 0), (40, 0, 480)]
    with pytest.raises(NoNotes, match="only percussion"):
        read_music(midi_file(tmp_path / "b.mid", drums, channel=9))
    midi_file(tmp_path / "c.mid", [(60, 90, 0), (60, 0, 480)])
    (tmp_path / "d.mid").write_bytes(b"MThd")
    found = read_music(tmp_path)
    assert len(found) == 1
    said = " ".join(found.notes)
    assert "2 of 4 files have no pitched note" in said
    assert "1 of 4 files cannot be read" in said


def test_a_piece_of_endless_length_is_refused():
    with pytest.raises(DataError, match="its times are wrong"):
        roll_of(Piece("x", (Note(0.0, 60, 1e9),)), 1)


def test_notes_beyond_a_piano_are_counted(tmp_path):
    path = midi_file(tmp_path / "a.mid", [(5, 90, 0), (60, 90, 0), (5, 0, 480), (60, 0, 0)])
    found = read_music(path)
    assert [note.pitch for note in found.pieces[0].notes] == [60]
    assert "1 of 2 notes are beyond the 88 keys" in next(iter(found.notes))
