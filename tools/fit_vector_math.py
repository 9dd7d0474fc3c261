"""Fits the polynomials of `unrolled.engines.cpu.code.vector_math` and prints them.

Comes in: nothing. Goes out: for each polynomial its coefficients (lowest power first, hexadecimal
where they are rounded to the format in which the kernel holds them) and the largest relative error
that the approximation alone adds to the function, as a power of two. Next: the numbers are copied
into `src/unrolled/engines/cpu/code/coefficients.py`, whose header names this file.

Each fit is a minimax fit: the exchange algorithm of Remez (1934), at 60 digits, on a weighted error
w(x) (P(x) - f(x)) that equals the relative error of the function that P helps to build.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from mpmath import mp, mpf

mp.dps = 60
Function = Callable[[mpf], mpf]


def remez(
    function: Function, weight: Function, low: mpf, high: mpf, degree: int
) -> tuple[list[mpf], mpf]:
    """The polynomial of `degree` that makes max |weight (P - function)| least, and that maximum."""
    size, grid = degree + 2, 3000
    middle, radius = (low + high) / 2, (high - low) / 2
    points = [middle + radius * mp.cos(mp.pi * (i + 0.03) / (size - 0.94)) for i in range(size)]
    points.reverse()
    xs = [middle - radius * mp.cos(mp.pi * i / grid) for i in range(grid + 1)]
    table = [(x, function(x), weight(x)) for x in xs]
    for _ in range(40):
        matrix, right = mp.matrix(size, size), mp.matrix(size, 1)
        for i, x in enumerate(points):
            scale = weight(x)
            for j in range(degree + 1):
                matrix[i, j] = scale * x**j
            matrix[i, degree + 1] = (-1) ** i
            right[i] = scale * function(x)
        solution = mp.lu_solve(matrix, right)
        polynomial = [solution[j] for j in range(degree + 1)]
        errors = [w * (mp.polyval(polynomial[::-1], x) - f) for x, f, w in table]
        peaks = alternating_peaks(errors, size)
        largest = max(abs(error) for error in errors)
        if largest <= abs(solution[degree + 1]) * mpf("1.0005"):
            break
        points = [xs[i] for i in peaks]
    return polynomial, largest


def alternating_peaks(errors: list[mpf], size: int) -> list[int]:
    """Where the error is largest between two changes of sign; the `size` neighbours that count."""
    runs: list[list[int]] = [[0]]
    for i in range(1, len(errors)):
        if (errors[i] > 0) == (errors[runs[-1][-1]] > 0):
            runs[-1].append(i)
        else:
            runs.append([i])
    peaks = [max(run, key=lambda i: abs(errors[i])) for run in runs]
    while len(peaks) > size:
        peaks.pop(0 if abs(errors[peaks[0]]) < abs(errors[peaks[-1]]) else -1)
    if len(peaks) < size:
        raise ValueError(f"the error alternates {len(peaks)} times where {size} are needed")
    return peaks


def series(function: Function, taylor: list[mpf]) -> Function:
    """`function`, and its first Taylor terms where cancellation would spoil it."""
    return lambda x: (
        function(x) if abs(x) > mpf(10) ** -12 else mp.polyval(list(reversed(taylor)), x)
    )


def exponential_remainder() -> Function:
    """(exp(r) - 1 - r) / r^2: what follows 1 + r in the series of exp."""
    return series(lambda r: (mp.expm1(r) - r) / r**2, [mpf(1) / 2, mpf(1) / 6, mpf(1) / 24])


def fits(name: str) -> tuple[Function, Function, mpf, mpf, int, int]:
    """What to fit, its weight, the interval, the degrees for float32 and float64."""
    ln2 = mp.log(2)
    if name == "EXP":  # exp(r) = 1 + r + r^2 P(r), relative to exp(r)
        return exponential_remainder(), lambda r: r**2 / mp.exp(r), -ln2, ln2, 6, 11
    if name == "TANH":  # (exp(2 r) - 1) / 2 = r + r^2 P(r), relative to itself
        remainder = exponential_remainder()
        weight = series(lambda r: 2 * r**2 / mp.expm1(2 * r), [mpf(0), mpf(1), mpf(-1)])
        return lambda r: 2 * remainder(2 * r), weight, -ln2 / 4, ln2 / 4, 5, 9
    if name == "LOG":  # ln((1 + s) / (1 - s)) = 2 s + s z P(z) with z = s^2, relative to itself
        top = ((mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)) ** 2
        rest = series(
            lambda z: 2 * (mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 1) / z, [mpf(2) / 3, mpf(2) / 5]
        )
        return rest, lambda z: z / 2, mpf(0), top, 2, 6
    if name == "LOG1P":  # atanh(s) = s (1 + z P(z)) with z = s^2, 0 <= s <= 1/3
        rest = series(
            lambda z: (mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 1) / z, [mpf(1) / 3, mpf(1) / 5]
        )
        return rest, lambda z: z, mpf(0), mpf(1) / 9, 3, 9
    quarter = (mp.pi / 4) ** 2
    if name == "SIN":  # sin(r) = r (1 + z P(z)) with z = r^2
        rest = series(
            lambda z: (mp.sin(mp.sqrt(z)) / mp.sqrt(z) - 1) / z, [-mpf(1) / 6, mpf(1) / 120]
        )
        return rest, lambda z: z, mpf(0), quarter, 2, 5
    if name == "COS":  # cos(r) = 1 - z / 2 + z^2 P(z) with z = r^2
        rest = series(
            lambda z: (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2, [mpf(1) / 24, -mpf(1) / 720]
        )
        return rest, lambda z: z**2, mpf(0), quarter, 2, 5
    raise KeyError(name)


NAMES = ("EXP", "TANH", "LOG", "LOG1P", "SIN", "COS")


def main() -> None:
    """Print every table, as Python."""
    for name in NAMES:
        function, weight, low, high, short, long = fits(name)
        print(f"{name}: Table = {{")
        for bits, degree in ((32, short), (64, long)):
            polynomial, error = remez(function, weight, low, high, degree)
            kind = np.float32 if bits == 32 else np.float64
            rounded = ", ".join(f'"{shortest_hex(float(kind(float(c))))}"' for c in polynomial)
            print(f"    {bits}: _parse({rounded}),  # 2^{float(mp.log(error, 2)):.1f}")
        print("}\n")


def shortest_hex(value: float) -> str:
    """`value` in hexadecimal without trailing zeros."""
    fraction, exponent = value.hex().split("p")
    return f"{fraction.rstrip('0').rstrip('.')}p{exponent}"


if __name__ == "__main__":
    main()
