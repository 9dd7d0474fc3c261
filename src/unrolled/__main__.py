"""`python -m unrolled` is the command line."""

from unrolled.cli import command

if __name__ == "__main__":
    command()
