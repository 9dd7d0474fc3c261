"""The input stage of a network in C: token embeddings, or the scaling of values.

In: the two files of a network. Out: the same with another function; next: `export`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from unrolled.exports.c_code import CFiles
from unrolled.exports.c_numbers import array_text
from unrolled.exports.int8 import as_int8
from unrolled.exports.network import Array

TOKEN = """\
/* The vector of a token, x[{size}], by its number from 0 to {last}. */
void {name}_token(int number, float *x);
"""
SCALE = """\
/* Values as they are in the data, values[{size}], become x[{size}]; one that is missing (NaN, or
   infinite) stands at its mean. Neither lies within the other. */
void {name}_scale(const float *values, float *x);
"""


def with_tokens(files: CFiles, name: str, table: Array, int8: bool) -> CFiles:
    """A function that returns a token's row of the table (tokens, size)."""
    count, size = table.shape
    if int8:
        whole, scale = as_int8(table)
        arrays = [
            array_text("int8_t", "embedding", whole), array_text("float", "embedding_scale", scale)
        ]  # fmt: skip
        value, flash = "embedding_scale[number] * (float)row[k]", whole.size + 4 * scale.size
    else:
        arrays, value, flash = [array_text("float", "embedding", table)], "row[k]", 4 * table.size
    kind = "int8_t" if int8 else "float"
    function = (
        f"void {name}_token(int number, float *x)\n{{\n"
        f"    const {kind} *row = embedding + (long)number * {size};\n"
        f"    for (int k = 0; k < {size}; k++) {{\n        x[k] = {value};\n    }}\n}}"
    )
    told = TOKEN.format(name=name, size=size, last=count - 1)
    return _longer(files, told, [*arrays, function], flash)


def with_scale(files: CFiles, name: str, mean: Array, deviation: Array) -> CFiles:
    """A function that scales one step of a series as training did."""
    size = len(mean)
    arrays = [
        array_text("float", "values_mean", mean.astype(np.float32)),
        array_text("float", "values_deviation", deviation.astype(np.float32)),
    ]
    function = (
        f"void {name}_scale(const float *values, float *x)\n{{\n"
        f"    for (int k = 0; k < {size}; k++) {{\n"
        "        float scaled = (values[k] - values_mean[k]) / values_deviation[k];\n"
        "        x[k] = scaled - scaled == 0.0f ? scaled : 0.0f;\n    }\n}"
    )
    return _longer(files, SCALE.format(name=name, size=size), [*arrays, function], 8 * size)


def _longer(files: CFiles, told: str, parts: list[str], flash: int) -> CFiles:
    before, end = files.header.rsplit("\n#endif", 1)
    known = f"   Flash: {files.flash:,} bytes"
    header = f"{before}\n{told}\n#endif{end}".replace(
        known, f"   Flash: {files.flash + flash:,} bytes"
    )
    source = "\n\n".join([files.source.rstrip("\n"), *parts]) + "\n"
    return replace(files, header=header, source=source, flash=files.flash + flash)
