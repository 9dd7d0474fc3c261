"""Write a run for another runtime: the whole network, with its pre- and post-processing.

unrolled export runs/reviews-1 --to onnx
unrolled export runs/reviews-1 --to html --int8
unrolled export runs/reviews-1 --to onnx --out model/reviews.onnx
"""

import argparse
import contextlib
import re
from pathlib import Path

from unrolled.errors import UnrolledError
from unrolled.exports.export import FORMATS


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", help="the folder of the run")
    parser.add_argument("--to", required=True, choices=list(FORMATS), help="the format")
    parser.add_argument(
        "--out", metavar="FILE", help="output (default: RUN/export/NAME of the run)"
    )
    parser.add_argument("--int8", action="store_true",
                        help="weights as 8-bit integers, in a quarter of the memory (c, js, html); "
                        "the error is measured and printed")  # fmt: skip
    parser.add_argument("--no-libm", action="store_true",
                        help="c: include tanh, exp and so on, and use no library")  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    from unrolled.exports.export import export
    from unrolled.files import make_folder
    from unrolled.tasks.runs import open_run

    folder = Path(arguments.run)
    model = open_run(folder)
    out = arguments.out
    if out is None:
        name = folder.resolve().name
        if arguments.to == "c":  # the prefix of its function names
            name = re.sub(r"\W", "_", name, flags=re.ASCII)
        out = folder / "export" / f"{name}{FORMATS[arguments.to]}"
        make_folder(out.parent)
    try:
        print(export(model, out, arguments.to, int8=arguments.int8, libm=not arguments.no_libm))
    except UnrolledError:
        with contextlib.suppress(OSError):  # it contains earlier exports
            (folder / "export").rmdir()
        raise
    return 0
