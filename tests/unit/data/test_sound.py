"""Sound files of every kind of sample, and what is wrong with some."""

import struct

import numpy as np
import pytest

from tests.tolerances import FIGURE, Tolerance, assert_agrees
from unrolled.data.sound import CutShort, Sound, read_sound, resampled
from unrolled.data.speech import read_speech
from unrolled.errors import DataError

WAVE = np.sin(np.arange(50) * 0.3) * 0.8


def wav(samples, bits=16, rate=8000, channels=1, is_float=False, extensible=False, promise=None):
    """The bytes of a WAV file, laid out by hand."""
    values = np.repeat(np.asarray(samples)[:, None], channels, 1)
    if is_float:
        body = values.astype(f"<f{bits // 8}").tobytes()
    elif bits == 8:
        body = np.round(values * 128 + 128).astype(np.uint8).tobytes()
    else:
        whole = np.round(values * 2 ** (bits - 1)).astype("<i8")
        body = whole.view(np.uint8).reshape(-1, 8)[:, : bits // 8].tobytes()
    kind = 3 if is_float else 1
    block = channels * bits // 8
    head = (0xFFFE if extensible else kind, channels, rate, rate * block, block, bits)
    form = struct.pack("<HHIIHH", *head)
    if extensible:
        form += struct.pack("<HHIH14s", 22, bits, 0, kind, b"\0" * 14)
    chunks = b"fmt " + struct.pack("<I", len(form)) + form
    chunks += b"LIST" + struct.pack("<I", 3) + b"abc\0"  # of odd length, filled up
    chunks += b"data" + struct.pack("<I", len(body) if promise is None else promise) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


@pytest.mark.parametrize(
    ("bits", "more"),
    [
        (8, {}), (16, {}), (24, {}), (32, {}),
        (32, {"is_float": True}), (64, {"is_float": True}),
        (24, {"extensible": True}), (16, {"channels": 2, "rate": 44_100}),
    ],
)  # fmt: skip
def test_each_kind_of_sample(tmp_path, bits, more):
    path = tmp_path / "a.wav"
    path.write_bytes(wav(WAVE, bits, **more))
    sound = read_sound(path)
    step = Tolerance(0.0, 2.0 ** (1 - min(bits, 23)), "half a step of the samples, and of float32")
    assert_agrees(sound.samples, WAVE.astype(np.float32), tolerance=step)
    assert sound.rate == more.get("rate", 8000)
    assert sound.channels == more.get("channels", 1)


def test_several_channels_are_their_mean(tmp_path):
    path = tmp_path / "a.wav"
    data = bytearray(wav(np.zeros(3), channels=2))
    data[-12:] = struct.pack("<6h", 1000, 3000, -200, 200, 0, 512)
    path.write_bytes(bytes(data))
    expected = np.array([2000, 0, 256], np.float32) / 2**15
    assert_agrees(read_sound(path).samples, expected, tolerance=Tolerance(0.0, 1e-7, "float32"))


def test_a_tone_is_the_same_tone_at_another_rate():
    def tone(rate):
        return np.sin(2 * np.pi * 440 * np.arange(rate) / rate).astype(np.float32)

    found = resampled(Sound(tone(44_100), 44_100), 16_000)
    assert found.rate == 16_000
    assert len(found.samples) == 16_000
    middle = slice(2000, -2000)  # the filter begins and ends in silence
    close = Tolerance(0.0, 2e-3, "the passband of the filter is flat to a thousandth")
    assert_agrees(found.samples[middle], tone(16_000)[middle], tolerance=close)
    fine = resampled(Sound(tone(8000), 8000), 8000)
    assert_agrees(fine.samples.astype(float), tone(8000).astype(float), tolerance=FIGURE)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (wav(WAVE, promise=1000), "is truncated"),
        (wav(WAVE)[:30], "without sound"),
        (wav([]), "0 samples"),
        (wav(WAVE, bits=12), "format 1 with 12 bits"),
        (b"RIFF1234AVI ....", "not a WAV file"),
        (b"something else", "is not a WAV file|is not a sound"),
    ],
)
def test_what_is_no_sound_is_answered_in_a_sentence(tmp_path, data, words):
    path = tmp_path / "a.txt.wav" if data[:4] == b"RIFF" else tmp_path / "a.bin"
    path.write_bytes(data)
    with pytest.raises(DataError, match=words) as error:
        read_sound(path)
    assert isinstance(error.value, CutShort) == ("truncated" in str(error.value))


def test_a_table_and_a_folder_hold_the_same_and_count_what_is_wrong(tmp_path):
    for number, (rate, channels) in enumerate([(8000, 1), (8000, 1), (16_000, 2)]):
        (tmp_path / f"{number}.wav").write_bytes(wav(WAVE, rate=rate, channels=channels))
        (tmp_path / f"{number}.txt").write_text(f"Take {number}\n")
    (tmp_path / "broken.wav").write_bytes(wav(WAVE, promise=1000))
    (tmp_path / "broken.txt").write_text("take b")
    folder = read_speech(tmp_path)
    rows = [f"{name}.wav,Take {name}" for name in ("0", "1", "2", "broken", "gone")]
    (tmp_path / "all.csv").write_text("\n".join(["file,text", *rows, "0.wav,"]) + "\n")
    table = read_speech(tmp_path / "all.csv")
    assert folder.texts == table.texts == ["Take 0", "Take 1", "Take 2"]
    assert folder.rate == table.rate == 8000
    assert [len(one.samples) for one in folder.sounds] == [50, 50, 25]
    said = " ".join(table.notes)
    assert "3 of 6 recordings were left out (the first: " in said
    assert "1 of 3 recordings have several channels" in said
    assert "1 of 3 recordings were resampled to 8,000 Hz (they have 16,000 Hz)" in said
    assert read_speech(tmp_path / "0.wav", labelled=False, rate=4000).rate == 4000


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.csv", "sound,text\nx.wav,y\n", "name the one with the files with --file"),
        ("a.csv", "file,text\nx.wav,y\n", "no readable recording: there is no file"),
        ("folder", None, "contains no recording"),
    ],
)
def test_data_without_sound(tmp_path, name, text, words):
    path = tmp_path / name
    path.mkdir() if text is None else path.write_text(text)
    with pytest.raises(DataError) as error:
        read_speech(path)
    assert words in str(error.value)
