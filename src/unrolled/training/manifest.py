"""The digests of a run's files, which reveal damage. In: names and bytes. Out: an error, if any.

`manifest.json` lists the SHA-256 of the content of each file. A file and its line cannot change in
one step, so the line first lists both the new and the current digest, and then the file is
replaced. Whenever the process is killed, the content matches a digest in the manifest.
Next: `run_folder` checks what it reads.
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
    """A path that is not a run, or a run that is damaged."""


def first_manifest(files: Mapping[str, bytes]) -> str:
    """The manifest of a new run."""
    return _text({name: [digest_of(data)] for name, data in files.items()})


def announce(run: Path, name: str, data: bytes) -> None:
    """Add the digest of a file's new content to the manifest, if the run has one."""
    digests = read_manifest(run)
    if digests is None:
        return
    known, path = digests.get(name, []), run / name
    now = [one for one in known if path.is_file() and one == digest_of(path.read_bytes())]
    write_whole(
        run / MANIFEST, _text({**digests, name: list(dict.fromkeys([digest_of(data), *now]))})
    )


def require_named(run: Path, name: str, data: bytes) -> None:
    """Refuse content that is not in the manifest; a run without a manifest is not checked."""
    digests = read_manifest(run)
    if digests is None:
        return
    if digest_of(data) not in digests.get(name, []):
        raise NotARun(
            f"{run / name} is not what training wrote: it was changed or damaged since; copy "
            f"the run again (or, if you changed the file yourself, delete {run / MANIFEST}: the "
            "run is then not checked)"
        )


def read_manifest(run: Path) -> dict[str, list[str]] | None:
    """File -> the digests it may have; None where there is no manifest."""
    path = run / MANIFEST
    if not path.exists() and not path.is_symlink():
        return None
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > MOST_BYTES:
            raise ValueError("it is not the manifest of a run")
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["unrolled_run"] != FORMAT:
            raise ValueError(f"format {found['unrolled_run']!r}; this version reads {FORMAT}")
        return {str(name): [str(one) for one in many] for name, many in found["sha256"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NotARun(f"{path} cannot be read ({error}): copy the run again") from error


def _text(digests: Mapping[str, list[str]]) -> str:
    return json.dumps({"unrolled_run": FORMAT, "sha256": dict(digests)}, indent=1) + "\n"
