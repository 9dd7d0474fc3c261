"""Every package that pyproject.toml asks for has its version in constraints.txt."""

import re
import tomllib
from pathlib import Path
from typing import Any

from unrolled.errors import EXTRAS

ROOT = Path(__file__).parents[2]


def normal(name: str) -> str:
    """A package's name as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def project() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return found


def test_every_requirement_is_pinned() -> None:
    wanted = list(project()["dependencies"])
    for requirements in project()["optional-dependencies"].values():
        wanted += requirements
    wanted = [one for one in wanted if not one.startswith("unrolled[")]
    names = {normal(re.split(r"[^A-Za-z0-9._-]", requirement)[0]) for requirement in wanted}
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line.partition("==") for line in lines if line and not line.startswith("#")]
    assert all(version for _, _, version in pins)
    assert len({normal(name) for name, _, _ in pins}) == len(pins), "a package is pinned twice"
    assert names - {normal(name) for name, _, _ in pins} == set()


def test_every_package_of_the_jobs_has_its_sentence() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    named = {normal(package) for package, extra in EXTRAS.values() if extra == "jobs"}
    assert named == {normal(re.split(r"[^A-Za-z0-9._-]", one)[0]) for one in extras["jobs"]}


def test_everything_holds_what_a_user_may_want() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    (everything,) = extras["all"]
    held = set(everything.removeprefix("unrolled[").removesuffix("]").split(","))
    assert held == set(extras) - {"all", "bench", "docs", "dev"}
