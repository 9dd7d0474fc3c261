"""The digests of a run's files, so that damage is noticed. In: names and bytes. Out: a verdict.

`manifest.json` names for each file the SHA-256 of what it holds. A file and its line cannot change
in one step, so the line names what the file will hold and what it holds now; then the file takes
its new content. Whenever a process is killed, the content is one that the manifest names.
Next: `run_folder` asks before it believes what it has read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from unrolled.errors import UnrolledError
from unrolled.files import digest_of, write_whole

MANIFEST, FORMAT = "manifest.json", 1
MOST_BYTES = 1_000_000


class NotARun(UnrolledError):
    """A path that was taken for a run and is none, or a run that is damaged."""


def first_manifest(files: Mapping[str, bytes]) -> str:
    """The manifest of a new run."""
    return _text({name: [digest_of(data)] for name, data in files.items()})


def announce(run: Path, name: str, data: bytes) -> None:
    """Let the manifest know what a file is about to hold; a run that has none goes without."""
    digests = read_manifest(run)
    if digests is None:
        return
    known, path = digests.get(name, []), run / name
    now = [one for one in known if path.is_file() and one == digest_of(path.read_bytes())]
    write_whole(
        run / MANIFEST, _text({**digests, name: list(dict.fromkeys([digest_of(data), *now]))})
    )


def require_named(run: Path, name: str, data: bytes) -> None:
    """Refuse content that the manifest does not name; a run that has none cannot be checked."""
    digests = read_manifest(run)
    if digests is None:
        return
    if digest_of(data) not in digests.get(name, []):
        raise NotARun(
            f"{run / name} is not what training wrote: it has changed since, or was damaged; copy "
            f"the run again (or, if you changed the file yourself, delete {run / MANIFEST}: the "
            "run then goes unchecked)"
        )


def read_manifest(run: Path) -> dict[str, list[str]] | None:
    """File -> the digests it may have; None where there is no manifest."""
    path = run / MANIFEST
    if not path.exists() and not path.is_symlink():
        return None
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > MOST_BYTES:
            raise ValueError("it is not a file of such a run")
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["unrolled_run"] != FORMAT:
            raise ValueError(f"format {found['unrolled_run']!r}; this version reads {FORMAT}")
        return {str(name): [str(one) for one in many] for name, many in found["sha256"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NotARun(f"{path} cannot be read ({error}): copy the run again") from error


def _text(digests: Mapping[str, list[str]]) -> str:
    return json.dumps({"unrolled_run": FORMAT, "sha256": dict(digests)}, indent=1) + "\n"
