"""Transcribe speech with a run.

unrolled transcribe runs/digits-1 speech.wav
unrolled transcribe runs/digits-1 recordings/
arecord -f S16_LE -r 8000 | unrolled transcribe runs/digits-1 -

`-` reads raw samples from stdin (16 bits, one channel, at the sampling rate of training unless
--rate is given). A run trained with --no-bidirectional transcribes while it listens, with a
line each time the text grows; a bidirectional one transcribes at the end. --microphone does the
same with the default microphone, until Ctrl-C.
"""

import argparse
import sys
from collections.abc import Iterator
from typing import Any

from unrolled.errors import UsageError, extras
from unrolled.literal import because

LANGUAGE_WEIGHT = 0.3


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", help="the folder of the run")
    parser.add_argument(
        "source", nargs="?", help="a WAV or FLAC file, a folder, a table, or - for stdin"
    )
    parser.add_argument("--microphone", action="store_true", help="listen to the microphone")
    parser.add_argument("--file", metavar="COLUMN", help="column of the sound files")
    parser.add_argument("--beam", type=int, metavar="N", help="width of the beam")
    parser.add_argument(
        "--language-model", metavar="RUN",
        help="a run of `unrolled train generate` on characters, for the beam search",
    )  # fmt: skip
    parser.add_argument(
        "--language-weight", metavar="W", type=float,
        help=f"weight of its log probabilities (default: {LANGUAGE_WEIGHT})",
    )  # fmt: skip
    parser.add_argument(
        "--rate", type=int, metavar="HZ", help="sampling rate of raw samples from stdin"
    )


def run(arguments: argparse.Namespace) -> int:
    from unrolled.data.speech import read_speech
    from unrolled.tasks.transcribe.transcriber import Transcriber
    from unrolled.training import settings as checks

    for name in ("beam", "rate"):
        checks.count(f"--{name}", getattr(arguments, name), optional=True)
    if arguments.microphone == (arguments.source is not None):
        raise UsageError("no input is given: name a file, - for stdin, or --microphone")
    if arguments.rate and arguments.source != "-":
        raise UsageError("--rate is for raw samples from stdin: a sound file has its own; leave it "
                         "out")  # fmt: skip
    model = Transcriber.load(arguments.run)
    view = view_of(arguments)
    if arguments.microphone or arguments.source == "-":
        if view is not None:
            raise UsageError("--language-model is for files: it needs the whole recording; leave "
                             "it out")  # fmt: skip
        listen(model, arguments)
        return 0
    data = read_speech(arguments.source, arguments.file, labelled=False, rate=model.features_.rate)
    for note in data.notes:
        print(f"note: {note}", file=sys.stderr)
    said = model.predict([one.samples for one in data.sounds], arguments.beam, view)
    for name, text in zip(data.names, said):
        print(text if len(said) == 1 else f"{name}\t{text}")
    return 0


def listen(model: Any, arguments: argparse.Namespace) -> None:
    """Print the text of raw samples as they arrive."""
    from unrolled.tasks.transcribe.listening import Listener

    listener = Listener(model, arguments.rate or model.features_.rate)
    if not model.bidirectional:
        if arguments.beam:
            raise UsageError("--beam waits for the end of the sound, and this run transcribes "
                             "while it listens: leave it out")  # fmt: skip
        print(
            f"note: a letter is recognized {listener.latency:.0f} ms after its step begins",
            file=sys.stderr,
        )
    blocks = spoken(listener) if arguments.microphone else raw(listener)
    for block in blocks:
        if listener.hear(block):
            print(listener.text, flush=True)
    print(listener.finish(arguments.beam))


def raw(listener: Any) -> Iterator[bytes]:
    """Samples from stdin."""
    while block := sys.stdin.buffer.read(listener.block):
        yield block


def spoken(listener: Any) -> Iterator[bytes]:
    """Samples from the default microphone, until Ctrl-C."""
    with extras("--microphone"):
        try:
            import sounddevice
        except OSError as error:
            raise UsageError(f"--microphone needs the library PortAudio ({because(error)}): "
                             "install it with the system's packages") from error  # fmt: skip
    frames = listener.block // 2
    try:
        with sounddevice.RawInputStream(
            samplerate=listener.rate, blocksize=frames, channels=1, dtype="int16"
        ) as stream:
            print("note: listening; press Ctrl-C to stop", file=sys.stderr)
            while True:
                yield bytes(stream.read(frames)[0])
    except sounddevice.PortAudioError as error:
        raise UsageError(f"the microphone cannot be read ({because(error)})") from error
    except KeyboardInterrupt:
        return


def view_of(arguments: argparse.Namespace) -> Any:
    """The weighted log probability of each letter by a language model; None without one."""
    if arguments.language_model is None:
        if arguments.language_weight is not None:
            raise UsageError("--language-weight requires --language-model")
        return None
    from unrolled.tasks.generate.generator import Generator
    from unrolled.tasks.generate.letters import LetterModel
    from unrolled.training import settings as checks

    given = arguments.language_weight
    weight = LANGUAGE_WEIGHT if given is None else given
    checks.not_negative("--language-weight", weight)
    expects = LetterModel(Generator.load(arguments.language_model))
    return lambda text, letter: weight * expects(text, letter)
