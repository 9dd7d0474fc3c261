"""Evaluate a run on labelled data.

unrolled evaluate runs/reviews-1 others.csv
"""

import argparse
import json


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", help="the folder of the run")
    parser.add_argument("source", help="a file with labels, or builtin:NAME")
    for name in ("file", "text", "label", "series", "time", "times", "word", "tag", "sentence"):
        parser.add_argument(
            f"--{name}", metavar="COLUMN", help="if its name differs from the training file"
        )
    for name in ("value", "known", "past"):
        parser.add_argument(
            f"--{name}", metavar="COLUMN", nargs="+", help="columns, for series to forecast"
        )
    parser.add_argument(
        "--target", metavar="NAME",
        help="file of reference translations, line by line; for numbers, their column",
    )  # fmt: skip
    parser.add_argument(
        "--labels-separated-by", metavar="SEP", help="separator of the labels of a row"
    )
    for name in ("from-column", "to-column"):
        parser.add_argument(f"--{name}", metavar="COLUMN", help="for a table of pairs")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    from unrolled.cli import jobs
    from unrolled.tasks.origin import learnt_from
    from unrolled.training.run_folder import RunFolder

    folder = RunFolder.open(arguments.run)
    job = jobs.of_run(folder)
    job.refuse_strange(folder, vars(arguments))
    figures, lines = job.evaluate(folder, arguments.source, vars(arguments))
    seen = learnt_from(folder.config(), folder.path, arguments.source)
    if seen and not job.judges_unseen(arguments.source):
        figures = {"learnt_from": True, **figures}
        lines = [f"{folder.path} was trained on this data: new data will score worse", *lines]
    if arguments.json:
        print(json.dumps(figures, ensure_ascii=False))
    else:
        print("\n".join(lines))
    return 0
