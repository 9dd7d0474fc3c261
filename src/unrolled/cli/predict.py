"""Predict with a run: each row of a file, or one text.

unrolled predict runs/reviews-1 new.csv > labels.txt
unrolled predict runs/reviews-1 "A film to remember."
unrolled predict runs/reviews-1 new.csv --out answers.xlsx --top 3 --keep id
unrolled predict runs/reviews-1 new.parquet --out answers.parquet --threshold 0.8
"""

import argparse
from pathlib import Path


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", help="the folder of the run")
    parser.add_argument("source", help="a file, builtin:NAME, or a text")
    for name in ("file", "text", "series", "time", "times", "word", "sentence"):
        parser.add_argument(
            f"--{name}", metavar="COLUMN", help="if its name differs from the training file"
        )
    for name in ("value", "known", "past"):
        parser.add_argument(
            f"--{name}", metavar="COLUMN", nargs="+", help="columns, for series to forecast"
        )
    for name in ("from", "to"):
        parser.add_argument(f"--{name}-column", metavar="COLUMN", help="for a table to translate")
    _configure_translations(parser)
    parser.add_argument(
        "--probabilities", action="store_true", help="add the probability of each class"
    )
    parser.add_argument(
        "--explain", action="store_true", help="add the steps of each row that contributed most"
    )
    parser.add_argument("--top", metavar="K", type=int, help="add the K most probable classes")
    parser.add_argument(
        "--threshold", metavar="P", type=float,
        help="leave the label empty if its probability is below P; with several labels per row, "
        "predict those with at least P (default: 0.5)",
    )  # fmt: skip
    parser.add_argument(
        "--keep", metavar="COLUMN", nargs="*",
        help="with --out: the columns of the input to write (default: all)",
    )  # fmt: skip
    parser.add_argument(
        "--format", choices=("json", "conll", "html"), help="output of a tagger (default: json)"
    )
    parser.add_argument(
        "--out", metavar="FILE",
        help="write a file instead: .csv, .tsv, .jsonl, .json, .parquet or .xlsx",
    )  # fmt: skip


def _configure_translations(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--best", metavar="N", type=int, help="the N best translations, scored")
    parser.add_argument(
        "--temperature", metavar="T", type=float,
        help="sample translations at random; below 1: closer to the best",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, help="random seed of --temperature (default: 0)")
    parser.add_argument(
        "--align", action="store_true",
        help="align given translations (--target FILE, or a second column) with their sources",
    )  # fmt: skip
    parser.add_argument("--target", metavar="FILE", help="translations of --align, line by line")


def run(arguments: argparse.Namespace) -> int:
    from unrolled.cli import jobs
    from unrolled.errors import UsageError
    from unrolled.files import is_there
    from unrolled.training.run_folder import RunFolder

    folder = RunFolder.open(arguments.run)
    out, source = Path(arguments.out or ""), Path(arguments.source)
    if arguments.out and is_there(out) and is_there(source) and out.samefile(source):
        raise UsageError(f"--out {arguments.out} is the input itself: choose another name")
    job = jobs.of_run(folder)
    job.refuse_strange(folder, vars(arguments))
    job.predict(folder, arguments)
    return 0
