"""The cache on disk: what is kept comes back, and whatever else happens is survived."""

import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest

from unrolled.engines.cpu.machine import cache

KEY = "0" * 64


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UNROLLED_CACHE", str(tmp_path))
    monkeypatch.setattr(cache, "_warned", set())
    return tmp_path / "kernels"


def test_what_is_written_is_read(place: Path) -> None:
    assert cache.read(KEY) is None
    cache.write(KEY, b"code")
    assert cache.read(KEY) == b"code"
    assert cache.read("1" * 64) is None
    assert [path.name for path in place.iterdir()] == [f"{KEY}.o"]


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "digest only"])
def test_a_damaged_file_reads_as_absent_and_is_replaced(place: Path, damage: str) -> None:
    cache.write(KEY, b"code" * 100)
    path = place / f"{KEY}.o"
    data = path.read_bytes()
    ruined = {
        "cut": data[:-1],
        "changed": data[:50] + b"?" + data[51:],
        "empty": b"",
        "digest only": data[:32],
    }
    path.write_bytes(ruined[damage])
    assert cache.read(KEY) is None
    cache.write(KEY, b"code" * 100)
    assert cache.read(KEY) == b"code" * 100


def test_a_folder_that_cannot_be_made_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("UNROLLED_CACHE", str(tmp_path / "file"))
    with pytest.warns(cache.CacheWarning, match="set UNROLLED_CACHE to a folder that can be") as w:
        cache.write(KEY, b"code")
    assert len(w) == 1
    assert str(tmp_path / "file" / "kernels") in str(w[0].message)
    assert cache.read(KEY) is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cache.write(KEY, b"code")


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write into any folder"
)
def test_a_folder_that_cannot_be_written_is_said(place: Path) -> None:
    place.mkdir()
    place.chmod(0o500)
    with pytest.warns(cache.CacheWarning, match="Permission denied"):
        cache.write(KEY, b"code")


def test_a_failed_write_leaves_nothing_behind(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.warns(cache.CacheWarning, match="No space left on device"):
        cache.write(KEY, b"code")
    assert list(place.iterdir()) == []


def test_what_nobody_reads_is_deleted_in_time(place: Path) -> None:
    cache.write("1" * 64, b"in use")
    cache.write("2" * 64, b"stale")
    (place / "half.new").write_bytes(b"from a process that was killed")
    old = time.time() - 90 * 24 * 3600
    for path in place.iterdir():
        os.utime(path, (old, old))
    assert cache.read("1" * 64) == b"in use"
    cache.write(KEY, b"code")
    assert {path.name[0] for path in place.iterdir()} == {"0", "1"}


def test_an_entry_copied_to_another_key_reads_as_absent(place: Path) -> None:
    cache.write(KEY, b"code")
    (place / f"{'1' * 64}.o").write_bytes((place / f"{KEY}.o").read_bytes())
    assert cache.read("1" * 64) is None


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="asks POSIX about owners")
@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_folder_that_others_may_write_is_left_alone(place: Path, mode: int) -> None:
    cache.write(KEY, b"code")
    place.chmod(mode)
    with pytest.warns(cache.CacheWarning, match="may be written by others") as said:
        assert cache.read(KEY) is None
    cache.write("1" * 64, b"code")
    assert len(said) == 1
    assert [path.name for path in place.iterdir()] == [f"{KEY}.o"]


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="asks POSIX about owners")
def test_an_entry_that_others_may_write_is_left_alone(place: Path) -> None:
    cache.write(KEY, b"code")
    (place / f"{KEY}.o").chmod(0o622)
    with pytest.warns(cache.CacheWarning, match="so no compiled kernel is taken from there"):
        assert cache.read(KEY) is None


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="asks POSIX about owners")
def test_what_another_user_owns_is_left_alone(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.write(KEY, b"code")
    monkeypatch.setattr(os, "getuid", lambda: place.stat().st_uid + 1)
    with pytest.warns(cache.CacheWarning, match="belongs to another user"):
        assert cache.read(KEY) is None


def test_two_processes_write_at_once(place: Path, tmp_path: Path) -> None:
    program = (
        "from unrolled.engines.cpu.machine import cache\n"
        "code = bytes(range(256)) * 4000\n"
        "for _ in range(100):\n"
        f"    cache.write({KEY!r}, code)\n"
        f"    assert cache.read({KEY!r}) == code\n"
    )
    environment = {**os.environ, "UNROLLED_CACHE": str(tmp_path)}
    processes = [
        subprocess.Popen([sys.executable, "-W", "error", "-c", program], env=environment)
        for _ in range(2)
    ]
    assert [process.wait(timeout=60) for process in processes] == [0, 0]
    assert [path.name for path in place.iterdir()] == [f"{KEY}.o"]


def test_the_platform_decides_where(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("UNROLLED_CACHE")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(cache.sys, "platform", "linux")
    assert cache.folder() == tmp_path / ".cache" / "unrolled" / "kernels"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
    assert cache.folder() == tmp_path / "elsewhere" / "unrolled" / "kernels"
    monkeypatch.setattr(cache.sys, "platform", "darwin")
    assert cache.folder() == tmp_path / "Library" / "Caches" / "unrolled" / "kernels"
