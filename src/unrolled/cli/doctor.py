"""What to paste into a bug report: versions, machine, cache."""

import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Nothing to choose."""


def run(arguments: argparse.Namespace) -> int:
    import unrolled

    print(f"unrolled {unrolled.__version__}")
    return 0
