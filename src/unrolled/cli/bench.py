"""Measure speed on this machine, side by side with peers, after comparing results.

Peers are torch.nn, a Python loop in PyTorch, torch.compile of that loop (only with
--torch-compile), JAX's lax.scan and ONNX Runtime; any that is not installed is skipped and named.
Contestants take turns, and their results are compared before anything is timed. The exit status
is 1 if results differ, and does not depend on times.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--only", nargs="+", metavar="NAME", default=[],
                        help="suites or cells, such as training or LSTM (default: every suite "
                        "but bfloat16, jobs, torch and torch-compile)")  # fmt: skip
    parser.add_argument("--shapes", nargs="+", metavar="B,T,I,H", default=[],
                        help="batch, time, input and hidden size (default: eight)")  # fmt: skip
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32",
                        help="bfloat16: also layers in bfloat16, for shapes with H of at least 256 "
                        "and B of at least 32 (default: float32)")  # fmt: skip
    parser.add_argument(
        "--threads", type=int, default=2, help="threads for all contestants (default: 2)"
    )
    parser.add_argument("--rounds", type=int, help="timed repetitions (default: 7)")
    parser.add_argument("--data", nargs="+", metavar="NAME", default=[],
                        help="with --only jobs: built-in sets, or files of texts or series with "
                        "labels (default: all built-in ones)")  # fmt: skip
    parser.add_argument("--rows", type=int, metavar="N",
                        help="with --only jobs: train classifiers on at most N rows")  # fmt: skip
    parser.add_argument("--input-gradient", action="store_true",
                        help="training steps also compute the gradient with respect to "
                        "the input")  # fmt: skip
    parser.add_argument("--torch-compile", nargs="?", type=float, metavar="SECONDS",
                        const=600.0, help="also torch.compile of the loop, with a time limit in "
                        "seconds (default: 600)")  # fmt: skip
    parser.add_argument("--quick", action="store_true",
                        help="three small shapes, three rounds")  # fmt: skip
    parser.add_argument("--out", type=Path, default=Path("bench-results"), metavar="DIR",
                        help="folder for results.json, tables.md and speedups.svg "
                        "(default: bench-results)")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print results.json instead of tables")
    parser.add_argument("--list", action="store_true", help="list the suites")


def run(arguments: argparse.Namespace) -> int:
    from unrolled.bench import suites

    if arguments.list:
        width = max(map(len, suites.SUITES))
        for name in suites.SUITES:
            print(f"{name:<{width}}  {suites.title(name)}")
        return 0
    names, cells = chosen(arguments.only, arguments.torch_compile is not None)
    if arguments.dtype == "bfloat16":
        names = only_bfloat16(names, arguments.only)
    settings = settings_of(arguments, cells)
    from unrolled.bench import machine
    from unrolled.bench.campaign import begin, conduct
    from unrolled.bench.tables import as_text

    results = begin(settings, machine.restrict(settings.threads))
    written = conduct(results, names, settings, arguments.out)
    if arguments.json:
        print(json.dumps(results.plain(), indent=1))
    else:
        print(results.head())
        for table in results.tables():
            print(f"\n{as_text(table)}")
        print("\nwritten: " + ", ".join(map(str, written)))
    for sentence in results.disagreements:
        print(f"unrolled: no parity: {sentence}", file=sys.stderr)
    return 1 if results.disagreements else 0


def chosen(words: Sequence[str], compile_too: bool) -> tuple[list[str], tuple[str, ...] | None]:
    """The suites to run, and their cells (None: all)."""
    from unrolled import cells
    from unrolled.bench.suites import SUITES
    from unrolled.cli import no_such
    from unrolled.errors import UsageError

    known = [*SUITES, *cells.__all__]
    words = [part for word in words for part in word.split(",") if part]
    for word in words:
        if word not in known:
            raise UsageError(
                no_such("suite or cell", word, known) + " (see `unrolled bench --list`)"
            )
    names = [word for word in words if word in SUITES]
    if not names:
        names = [name for name, (_, _, asked) in SUITES.items() if not asked]
    if compile_too and "torch-compile" not in names:
        names.append("torch-compile")
    return names, tuple(word for word in words if word not in SUITES) or None


def only_bfloat16(names: Sequence[str], words: Sequence[str]) -> list[str]:
    """The names for `--dtype bfloat16`, which is a suite of its own and can be limited to cells."""
    from unrolled.bench.suites import SUITES
    from unrolled.errors import UsageError

    named = [name for name in names if name != "bfloat16"]
    if named and any(word in SUITES for word in " ".join(words).replace(",", " ").split()):
        raise UsageError(
            f"--dtype bfloat16 is a suite of its own, so --only cannot name {named[0]}: name "
            "cells, as in --only LSTM, or leave --dtype out"
        )
    return ["bfloat16"]


def settings_of(arguments: argparse.Namespace, cells: tuple[str, ...] | None) -> Any:
    from unrolled.bench.contest import Settings
    from unrolled.bench.problem import SHAPES, shape_from
    from unrolled.errors import UsageError

    quick = arguments.quick
    rounds = arguments.rounds if arguments.rounds is not None else 3 if quick else 7
    if rounds < 1:
        raise UsageError(f"--rounds must be an integer of at least 1, not {rounds}")
    if arguments.torch_compile is not None and not 0 < arguments.torch_compile < float("inf"):
        raise UsageError(
            f"--torch-compile must be a number of seconds above 0, not {arguments.torch_compile}"
        )
    asked = ",".join(arguments.only).split(",")
    if (arguments.data or arguments.rows is not None) and "jobs" not in asked:
        raise UsageError("--data and --rows choose the training data of jobs: add --only jobs")
    if arguments.rows is not None and arguments.rows < 2:
        raise UsageError(f"--rows must be an integer of at least 2, not {arguments.rows}")
    return Settings(
        shapes=tuple(map(shape_from, arguments.shapes)) or (SHAPES[:3] if quick else SHAPES),
        cells=cells,
        threads=arguments.threads,
        rounds=rounds,
        least=0.02 if quick else 0.1,
        input_gradient=arguments.input_gradient,
        quick=quick,
        compile_limit=arguments.torch_compile,
        data=tuple(arguments.data),
        rows=arguments.rows,
        tell=lambda line: print(line, file=sys.stderr, flush=True),
    )
