"""Figures below one another, for a terminal. In: figures by name. Out: lines; next: `evaluate`."""

from typing import Any


def lines_of(figures: dict[str, Any]) -> list[str]:
    """A line for each figure, then the confusion matrix if there is one."""
    lines = []
    for name, value in figures.items():
        if name in ("classes", "confusion"):
            continue
        lines.append(f"{name.replace('_', ' ')}: {shown(name, value)}")
    if "confusion" in figures:
        lines += ["", "rows: what is; columns: what the run says", *table_of(figures)]
    return lines


def shown(name: str, value: Any) -> str:
    """Shares in per cent, counts whole, the rest with four digits."""
    if name in ("accuracy", "macro_f1"):
        return f"{value:.1%}"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def table_of(figures: dict[str, Any]) -> list[str]:
    """The confusion matrix, with numbered columns so that it stays narrow."""
    names, counts = figures["classes"], figures["confusion"]
    wide = max(len(f"{number} {name}") for number, name in enumerate(names, 1))
    width = 1 + max(len(str(max(map(max, counts)))), len(str(len(names))))
    head = " " * wide + "".join(f"{number:>{width}}" for number in range(1, len(names) + 1))
    rows = [
        f"{f'{number} {name}':<{wide}}" + "".join(f"{count:>{width}}" for count in row)
        for number, (name, row) in enumerate(zip(names, counts), 1)
    ]
    return [head, *rows]
