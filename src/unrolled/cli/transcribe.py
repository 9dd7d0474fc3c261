"""Transcribe speech with a run.

unrolled transcribe runs/digits-1 speech.wav
unrolled transcribe runs/digits-1 recordings/
arecord -f S16_LE -r 8000 | unrolled transcribe runs/digits-1 -

`-` reads raw samples from stdin (16 bits, one channel, at the sampling rate of training unless
--rate says otherwise). A run trained with --no-bidirectional transcribes while it listens, with a
line each time the text grows; a bidirectional one transcribes at the end.
"""

import argparse
import sys
from typing import Any

from unrolled.errors import UsageError


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", help="the folder of the run")
    parser.add_argument("source", help="a WAV or FLAC file, a folder, a table, or - for stdin")
    parser.add_argument("--file", metavar="COLUMN", help="column of the sound files")
    parser.add_argument("--beam", type=int, metavar="N", help="width of the beam")
    parser.add_argument(
        "--rate", type=int, metavar="HZ", help="sampling rate of raw samples from stdin"
    )


def run(arguments: argparse.Namespace) -> int:
    from unrolled.data.speech import read_speech
    from unrolled.tasks.transcribe.transcriber import Transcriber
    from unrolled.training import settings as checks

    for name in ("beam", "rate"):
        checks.count(f"--{name}", getattr(arguments, name), optional=True)
    if arguments.rate and arguments.source != "-":
        raise UsageError("--rate is of raw samples from stdin: a sound file has its own; leave it "
                         "out")  # fmt: skip
    model = Transcriber.load(arguments.run)
    if arguments.source == "-":
        listen(model, arguments)
        return 0
    data = read_speech(arguments.source, arguments.file, labelled=False, rate=model.features_.rate)
    for note in data.notes:
        print(f"note: {note}", file=sys.stderr)
    said = model.predict([one.samples for one in data.sounds], arguments.beam)
    for name, text in zip(data.names, said):
        print(text if len(said) == 1 else f"{name}\t{text}")
    return 0


def listen(model: Any, arguments: argparse.Namespace) -> None:
    """Text from raw samples as they come."""
    from unrolled.tasks.transcribe.listening import Listener

    listener = Listener(model, arguments.rate or model.features_.rate)
    if not model.bidirectional:
        if arguments.beam:
            raise UsageError("--beam waits for the end of the sound, and this run answers while it "
                             "listens: leave it out")  # fmt: skip
        print(
            f"note: a letter is known {listener.latency:.0f} ms after its step begins",
            file=sys.stderr,
        )
    while block := sys.stdin.buffer.read(listener.block):
        if listener.hear(block):
            print(listener.text, flush=True)
    print(listener.finish(arguments.beam))
