"""Exit with a sentence unless a tag, vX.Y.Z, is the version of this checkout."""

import sys

from unrolled._version import __version__


def main(tag: str) -> int:
    if tag == f"v{__version__}":
        return 0
    print(f"the tag {tag} is not v{__version__}: change src/unrolled/_version.py, or tag again")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
