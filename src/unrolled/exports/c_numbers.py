"""Numbers in C. In: numbers and arrays. Out: text; next: `c_parts`, `c_code`."""

from __future__ import annotations

import math

import numpy as np

from unrolled.engines.cpu.code import coefficients
from unrolled.exports.network import Array


def literal(value: float) -> str:
    """A float32 that C reads back bit for bit."""
    rounded = float(np.float32(value))
    if math.isinf(rounded):
        return "INFINITY" if rounded > 0 else "-INFINITY"
    if math.isnan(rounded):
        return "NAN"
    text = f"{rounded:.9g}"
    return f"{text}f" if "." in text or "e" in text else f"{text}.0f"


def table(name: str, variable: str, result: str) -> str:
    """The polynomial of the CPU engine of that name, by Horner's rule."""
    numbers = getattr(coefficients, name)[32]
    lines = [f"float {result} = {literal(numbers[-1])};"]
    for number in reversed(numbers[:-1]):
        lines.append(f"    {result} = {result} * {variable} + {literal(number)};")
    return "\n".join(lines)


def array_text(kind: str, name: str, numbers: Array) -> str:
    """A constant array, six numbers a line."""
    flat = numbers.reshape(-1)
    words = (
        [str(int(n)) for n in flat]
        if np.issubdtype(numbers.dtype, np.integer)
        else [literal(float(n)) for n in flat]
    )
    a_line = 16 if np.issubdtype(numbers.dtype, np.integer) else 6
    lines = [", ".join(words[i : i + a_line]) for i in range(0, len(words), a_line)]
    body = ",\n    ".join(lines)
    return f"static const {kind} {name}[{len(words)}] = {{\n    {body}}};"
