"""The machine, and how busy it was. In: nothing. Out: facts; next: `campaign`."""

from __future__ import annotations

import os
import platform
import re
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from unrolled.errors import ArgumentError

PACKAGES = ("torch", "jax", "jaxlib", "onnxruntime", "onnx", "numpy", "llvmlite")
TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
STAT = Path("/proc/stat")


def facts() -> dict[str, Any]:
    """Processor, memory, system, versions. No name of a host or a user."""
    import unrolled

    found: dict[str, Any] = {
        "processor": processor(),
        "cores": cores(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "unrolled": unrolled.__version__,
    }
    if "SC_PHYS_PAGES" in getattr(os, "sysconf_names", {}):
        pages = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        found["memory_GiB"] = round(pages / 2**30, 1)
    for package in PACKAGES:
        version = installed(package)
        if version:
            found[package] = version
    return found


def installed(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def processor() -> str:
    """The processor's name and its vector width, as far as the system tells."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor() or platform.machine()
    text = info.read_text()
    name = re.search(r"^model name\s*: (.+)$", text, re.MULTILINE)
    flags = re.search(r"^flags\s*: (.+)$", text, re.MULTILINE)
    words = flags[1].split() if flags else []
    width = next((f for f in ("avx512f", "avx2", "avx") if f in words), "")
    return " ".join(part for part in (name[1] if name else platform.machine(), width) if part)


def cores() -> int:
    """The number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def restrict(threads: int) -> str:
    """Limit every contestant to this number of threads, and say how."""
    import torch

    if not 1 <= threads <= cores():
        raise ArgumentError(
            f"--threads must be an integer from 1 to {cores()}, the cores this process may use, "
            f"not {threads}"
        )
    torch.set_num_threads(threads)
    if hasattr(os, "sched_setaffinity"):
        # JAX has no other way to be told.
        os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[:threads]))
        return f"{threads}, the whole process on as many cores"
    return f"{threads} (JAX: every core)"


class Load:
    """The load by other processes during a measurement.

    with Load() as load: ...
    load.others     share of all cores, None where the system does not tell
    """

    others: float | None = None

    def __enter__(self) -> Load:
        self._start = _spent()
        return self

    def __exit__(self, *_: object) -> None:
        wall, busy, own = (now - then for now, then in zip(_spent(), self._start, strict=True))
        if STAT.exists() and wall > 0:
            share = (busy - own) / (wall * (os.cpu_count() or 1))
            self.others = round(min(1.0, max(0.0, share)), 3)


def _spent() -> tuple[float, float, float]:
    """Seconds on the clock, of all cores, of this process and its children."""
    own = os.times()
    mine = own.user + own.system + own.children_user + own.children_system
    if not STAT.exists():
        return time.monotonic(), 0.0, mine
    user, nice, system, _idle, _wait, irq, softirq = map(int, STAT.read_text().split()[1:8])
    return time.monotonic(), (user + nice + system + irq + softirq) / TICKS, mine
