"""A run's answer for each row of a file, or for one text.

unrolled predict runs/reviews-1 new.csv > labels.txt
unrolled predict runs/reviews-1 "A film to remember."
unrolled predict runs/reviews-1 new.csv --out labels.csv
"""

import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", help="the folder of the run")
    parser.add_argument("source", help="a file, builtin:NAME, or itself one text")
    for name in ("text", "series", "time", "word", "sentence"):
        parser.add_argument(f"--{name}", metavar="COLUMN", help="as in training, if not the same")
    for name in ("value", "known", "past"):
        parser.add_argument(f"--{name}", metavar="COLUMN", nargs="+", help="of series to forecast")
    parser.add_argument("--from-column", metavar="COLUMN", help="of a table to translate")
    parser.add_argument("--probabilities", action="store_true", help="how sure, class by class")
    parser.add_argument(
        "--format", choices=("json", "conll", "html"), help="of a tagger's answers (default: json)"
    )
    parser.add_argument("--out", metavar="FILE", help="write a file and not to the screen")


def run(arguments: argparse.Namespace) -> int:
    from unrolled.cli import jobs
    from unrolled.training.run_folder import RunFolder

    folder = RunFolder.open(arguments.run)
    job = jobs.of_run(folder)
    job.refuse_strange(folder, vars(arguments))
    job.predict(folder, arguments)
    return 0
