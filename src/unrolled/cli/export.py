"""Write a run for another runtime: the whole network as one file, with what stands around it.

unrolled export runs/reviews-1 --to onnx
unrolled export runs/reviews-1 --to onnx --out model/reviews.onnx
"""

import argparse
from pathlib import Path

from unrolled.exports.export import FORMATS


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", help="the folder of the run")
    parser.add_argument("--to", required=True, choices=list(FORMATS), help="the format")
    parser.add_argument("--out", metavar="FILE", help="where (default: RUN/export/NAME of the run)")


def run(arguments: argparse.Namespace) -> int:
    from unrolled.exports.export import export
    from unrolled.files import make_folder

    folder = Path(arguments.run)
    out = arguments.out
    if out is None:
        out = folder / "export" / f"{folder.resolve().name}{FORMATS[arguments.to]}"
        make_folder(out.parent)
    print(export(folder, out, arguments.to))
    return 0
