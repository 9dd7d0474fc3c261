"""Print the versions, machine, threads and cache, to paste into a bug report.

It also works on a broken installation: a package that is missing or cannot be imported is one line
of the output, never an error.
"""

import argparse
import importlib
import os
import platform
import re
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import unrolled


def configure(parser: argparse.ArgumentParser) -> None:
    """It takes no options."""


def run(arguments: argparse.Namespace) -> int:
    """Print one line for each fact."""
    facts = [*python(), *machine(), *engine(), *threads(), *packages()]
    width = max(len(name) for name, _ in facts)
    for name, value in facts:
        print(f"{name:<{width}}  {value}")
    return 0


def python() -> Iterator[tuple[str, str]]:
    """The versions of unrolled and Python."""
    yield "unrolled", f"{unrolled.__version__} ({Path(unrolled.__file__).parent})"
    yield "python", f"{platform.python_implementation()} {platform.python_version()}"
    yield "executable", sys.executable


def machine() -> Iterator[tuple[str, str]]:
    """The system and its processor."""
    yield "platform", platform.platform()
    yield "processor", processor(Path("/proc/cpuinfo"))
    if "SC_PHYS_PAGES" in getattr(os, "sysconf_names", {}):
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        yield "memory", f"{size / 2**30:.1f} GiB"


def processor(cpuinfo: Path) -> str:
    """The processor's name, if the system provides it."""
    if cpuinfo.exists():
        name = re.search(r"^model name\s*: (.+)$", cpuinfo.read_text(), re.MULTILINE)
        if name:
            return name[1]
    return platform.processor() or platform.machine()


def engine() -> Iterator[tuple[str, str]]:
    """The machine that the CPU engine compiles for, and its cache of compiled code."""
    try:
        target = importlib.import_module("unrolled.engines.cpu.machine.target").host()
    except Exception as error:  # noqa: BLE001 - a broken LLVM is one line of the output
        yield "vectors", f"the CPU engine cannot be used: {type(error).__name__}: {error}"
    else:
        yield "vectors", f"{target.vector_bytes * 8} bits ({target.cpu}, {target.triple})"
    cache = importlib.import_module("unrolled.engines.cpu.machine.cache").folder()
    files = list(cache.glob("*.o")) if cache.is_dir() else []
    size = sum(file.stat().st_size for file in files) / 2**20
    yield "cache", f"{cache} ({len(files)} files, {size:.1f} MiB)"


def threads() -> Iterator[tuple[str, str]]:
    """The number of cores, and of threads that torch uses."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield "cores", f"{os.cpu_count()}, of which this process may use {allowed}"
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        if variable in os.environ:
            yield variable, os.environ[variable]
    try:
        torch = importlib.import_module("torch")
    except Exception as error:  # noqa: BLE001 - any error of torch is reported
        yield "torch threads", f"torch cannot be imported: {type(error).__name__}: {error}"
    else:
        yield "torch threads", str(torch.get_num_threads())


def packages() -> Iterator[tuple[str, str]]:
    """The version of every package that unrolled or one of its extras requires."""
    for requirement in metadata.requires("unrolled") or []:
        name = re.split(r"[^A-Za-z0-9._-]", requirement)[0]
        extra = re.search(r"extra == ['\"](.+?)['\"]", requirement)
        yield name, version(name, extra[1] if extra else None)


def version(package: str, extra: str | None) -> str:
    """The installed version, or the command that installs the package."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        wanted = f"unrolled[{extra}]" if extra else package
        return f"not installed (install with `pip install '{wanted}'`)"
