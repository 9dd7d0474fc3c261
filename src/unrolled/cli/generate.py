"""Continue a text with a run, printed as it is generated.

unrolled generate runs/book-1 --prompt "It was" --length 500 --temperature 0.8
"""

import argparse
import sys

from unrolled.cli import seed_of


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", help="the folder of the run")
    parser.add_argument("--prompt", default="", metavar="TEXT", help="what to continue")
    parser.add_argument("--length", type=int, default=500, help="number of tokens (default: 500)")
    parser.add_argument(
        "--temperature", type=float, default=0.8,
        help="0: the most probable tokens; 1: as learned; above 1: more varied (default: 0.8)",
    )  # fmt: skip
    parser.add_argument("--top-k", type=int, metavar="K", help="sample from the K likeliest tokens")
    parser.add_argument(
        "--top-p",
        type=float,
        metavar="P",
        help="sample from the most likely tokens whose probabilities sum to P",
    )
    parser.add_argument("--seed", type=seed_of, default=0, help="random seed (default: 0)")


def run(arguments: argparse.Namespace) -> int:
    from unrolled.tasks.generate.generator import Generator
    from unrolled.tasks.generate.sampling import Sampling
    from unrolled.training import settings as checks

    checks.count("--length", arguments.length)
    sampling = Sampling(arguments.temperature, arguments.top_k, arguments.top_p)
    model = Generator.load(arguments.run)
    strange = model.unknown_in(arguments.prompt)
    if strange:
        note = f"the prompt contains {strange!r}, which is not in the training data"
        print(f"note: {note}", file=sys.stderr)
    print(arguments.prompt, end="", flush=True)
    for piece in model.generate(arguments.prompt, arguments.length, sampling, arguments.seed):
        print(piece, end="", flush=True)
    print()
    return 0
