"""Sound from a file. In: WAV, FLAC. Out: `Sound`, one channel from -1 to 1; next: `speech`.

WAV is read here (integers of 8 to 32 bits, floats of 32 and 64 bits, any number of channels); FLAC
and others are read by soundfile. Several channels are averaged.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np

from unrolled.data.opening import existing
from unrolled.errors import DataError, extras
from unrolled.literal import because

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE  # numbers of formats in the header
ENDINGS = (".wav", ".flac", ".ogg")
BY_SOUNDFILE = (b"fLaC", b"OggS")  # first bytes of files for soundfile, which would guess at others
RATES = (1_000, 1_000_000)  # samples per second, minimum and maximum
MOST_SAMPLES = 1 << 30  # over all channels


class CutShort(DataError):
    """A file that ends earlier than its header declares."""


@dataclass(frozen=True)
class Sound:
    """Samples from -1 to 1, and the sampling rate."""

    samples: Any  # (n,) float32
    rate: int
    channels: int = 1  # in the file

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate


def read_sound(path: str | Path) -> Sound:
    """A whole recording."""
    path = existing(path)
    data = path.read_bytes()
    sound = _wav(path, data) if data[:4] == b"RIFF" else _by_soundfile(path, data)
    if not len(sound.samples):
        raise DataError(f"{path} is an empty recording (0 samples)")
    if not RATES[0] <= sound.rate <= RATES[1]:
        raise DataError(
            f"{path} declares a sampling rate of {sound.rate:,} Hz, and the range is "
            f"{RATES[0]:,} to {RATES[1]:,} Hz: it may be damaged; save it again"
        )
    if not np.isfinite(sound.samples).all():
        raise DataError(f"{path} contains samples that are not finite: save it again")
    return sound


def _wav(path: Path, data: bytes) -> Sound:
    if data[8:12] != b"WAVE":
        raise DataError(f"{path} is a RIFF file but not a WAV file: save the sound as WAV")
    chunks = _chunks(path, data)
    form = chunks.get(b"fmt ", b"")
    if len(form) < 16 or b"data" not in chunks:
        raise CutShort(f"{path} is a WAV file without sound: it is truncated; download it again")
    kind, channels, _, bits = (
        int.from_bytes(form[a:b], "little") for a, b in ((0, 2), (2, 4), (8, 12), (14, 16))
    )
    rate = int.from_bytes(form[4:8], "little")
    if kind == EXTENSIBLE and len(form) >= 26:
        kind = int.from_bytes(form[24:26], "little")
    if not channels or not rate:
        raise DataError(f"{path} has a header of {channels} channels at {rate} Hz: it is damaged")
    samples = _numbers(path, chunks[b"data"], kind, bits)
    whole = len(samples) // channels * channels
    values = samples[:whole].reshape(-1, channels).mean(1)
    with np.errstate(over="ignore", invalid="ignore"):  # infinite ones are refused by `read_sound`
        return Sound(values.astype(np.float32), rate, channels)


def _chunks(path: Path, data: bytes) -> dict[bytes, bytes]:
    """The parts of a RIFF file by name."""
    found: dict[bytes, bytes] = {}
    at = 12
    while at + 8 <= len(data):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        body = data[at + 8 : at + 8 + size]
        if name == b"data" and len(body) < size and size not in (0xFFFFFFFF, 0x7FFFFFFF):
            raise CutShort(
                f"{path} is truncated: its header declares {size:,} bytes of sound, and it has "
                f"{len(body):,}; download it again"
            )
        found.setdefault(name, body)
        at += 8 + size + size % 2
    return found


def _numbers(path: Path, body: bytes, kind: int, bits: int) -> Any:
    """Samples as float64 from -1 to 1."""
    if kind == FLOAT and bits in (32, 64):
        size = bits // 8
        return np.frombuffer(body[: len(body) // size * size], f"<f{size}").astype(np.float64)
    if kind != PCM or bits not in (8, 16, 24, 32):
        raise DataError(
            f"{path} has samples of format {kind} with {bits} bits, and supported are integers "
            "of 8, 16, 24 or 32 bits and floats: save it as 16-bit WAV"
        )
    size = bits // 8
    raw = np.frombuffer(body[: len(body) // size * size], np.uint8).reshape(-1, size)
    if bits == 8:  # the only unsigned format
        return (raw[:, 0].astype(np.float64) - 128) / 128
    wide = np.zeros((len(raw), 4), np.uint8)
    wide[:, 4 - size :] = raw
    return wide.view("<i4")[:, 0] / 2.0**31


def _by_soundfile(path: Path, data: bytes) -> Sound:
    if data[:4] not in BY_SOUNDFILE:
        raise DataError(f"{path} is not a WAV file: save the sound as WAV, or FLAC")
    with extras(f"reading {path}"):
        import soundfile
    try:
        with soundfile.SoundFile(str(path)) as file:
            if file.frames * file.channels > MOST_SAMPLES:  # the header may be wrong
                raise DataError(
                    f"{path} declares {file.frames:,} samples of {file.channels} "
                    "channels, more than fit into memory: split it into shorter recordings"
                )
            samples, rate = file.read(dtype="float32", always_2d=True), file.samplerate
    except soundfile.SoundFileError as error:
        why = because(error)
        raise DataError(f"{path} is not a readable sound file ({why}): save it as WAV") from None
    return Sound(samples.mean(1), int(rate), samples.shape[1])


def resampled(sound: Sound, rate: int) -> Sound:
    """The sound resampled to another rate, with an anti-aliasing filter (polyphase)."""
    if sound.rate == rate:
        return sound
    from scipy.signal import resample_poly

    common = gcd(rate, sound.rate)
    samples = resample_poly(sound.samples, rate // common, sound.rate // common)
    return Sound(samples.astype(np.float32), rate, sound.channels)
