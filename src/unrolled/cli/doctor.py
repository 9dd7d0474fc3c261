"""What to paste into a bug report: versions, machine, threads.

It works on a broken installation too: a package that is missing, or that cannot be imported, is
one line of the answer and never an error.
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

# What the widest vector instructions of a processor are called -> bits of one register.
VECTOR_BITS = {"avx512f": 512, "avx2": 256, "avx": 256, "asimd": 128, "sse2": 128}


def configure(parser: argparse.ArgumentParser) -> None:
    """It takes no options."""


def run(arguments: argparse.Namespace) -> int:
    """Print one line for each fact."""
    facts = [*python(), *machine(), *threads(), *packages()]
    width = max(len(name) for name, _ in facts)
    for name, value in facts:
        print(f"{name:<{width}}  {value}")
    return 0


def python() -> Iterator[tuple[str, str]]:
    """Which unrolled, and which Python runs it."""
    yield "unrolled", f"{unrolled.__version__} ({Path(unrolled.__file__).parent})"
    yield "python", f"{platform.python_implementation()} {platform.python_version()}"
    yield "executable", sys.executable


def machine() -> Iterator[tuple[str, str]]:
    """The system and its processor."""
    yield "platform", platform.platform()
    name, flags = processor(Path("/proc/cpuinfo"))
    yield "processor", name
    widest = next((flag for flag in VECTOR_BITS if flag in flags), None)
    if widest is not None:
        yield "vectors", f"{VECTOR_BITS[widest]} bits ({widest})"
    else:
        yield "vectors", "unknown"
    if "SC_PHYS_PAGES" in getattr(os, "sysconf_names", {}):
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        yield "memory", f"{size / 2**30:.1f} GiB"


def processor(cpuinfo: Path) -> tuple[str, set[str]]:
    """The processor's name and the instruction sets it has, as far as the system tells."""
    architecture = platform.machine()
    if not cpuinfo.exists():
        # macOS and Windows: every 64-bit ARM has NEON, which Linux calls asimd.
        return platform.processor() or architecture, {"asimd"} if "arm" in architecture else set()
    text = cpuinfo.read_text()
    name = re.search(r"^model name\s*: (.+)$", text, re.MULTILINE)
    flags = re.search(r"^(?:flags|Features)\s*: (.+)$", text, re.MULTILINE)
    return name[1] if name else architecture, set(flags[1].split()) if flags else set()


def threads() -> Iterator[tuple[str, str]]:
    """How many cores there are, and how many torch would use."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield "cores", f"{os.cpu_count()}, of which this process may use {allowed}"
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        if variable in os.environ:
            yield variable, os.environ[variable]
    try:
        torch = importlib.import_module("torch")
    except Exception as error:  # noqa: BLE001 - whatever is wrong with torch is what is asked for
        yield "torch threads", f"torch cannot be imported: {type(error).__name__}: {error}"
    else:
        yield "torch threads", str(torch.get_num_threads())


def packages() -> Iterator[tuple[str, str]]:
    """The version of every package that unrolled, or one of its extras, asks for."""
    for requirement in metadata.requires("unrolled") or []:
        name = re.split(r"[^A-Za-z0-9._-]", requirement)[0]
        extra = re.search(r"extra == ['\"](.+?)['\"]", requirement)
        yield name, version(name, extra[1] if extra else None)


def version(package: str, extra: str | None) -> str:
    """The installed version, or the command that brings the package."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        wanted = f"unrolled[{extra}]" if extra else package
        return f"not installed (`pip install '{wanted}'` brings it)"
