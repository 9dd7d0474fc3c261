"""The polynomials of `vector_math`: minimax fits printed by `tools/fit_vector_math.py`.

Each is a table from the number of bits of the format (32 or 64) to coefficients, lowest power
first; the comment gives the largest relative error that the approximation alone adds to the
function it serves, before any rounding. Next: `vector_math`.
"""

from __future__ import annotations

Table = dict[int, tuple[float, ...]]


def _parse(*hexadecimal: str) -> tuple[float, ...]:
    return tuple(float.fromhex(text) for text in hexadecimal)


EXP: Table = {
    32: _parse(
        "0x1p-1",
        "0x1.55555ep-3",
        "0x1.55550ap-5",
        "0x1.110a5p-7",
        "0x1.6c370ep-10",
        "0x1.a5bba6p-13",
        "0x1.9a09ep-16",
    ),  # 2^-30.7
    64: _parse(
        "0x1.ffffffffffff3p-2",
        "0x1.55555555555b6p-3",
        "0x1.555555555693cp-5",
        "0x1.1111111108293p-7",
        "0x1.6c16c169c1927p-10",
        "0x1.a01a01b2314d3p-13",
        "0x1.a01a058032207p-16",
        "0x1.71de2a04d76aap-19",
        "0x1.27e1caebd6be5p-22",
        "0x1.ae7130a94f0ap-26",
        "0x1.217a44c9d0ac5p-29",
        "0x1.5e6dc5a1a697cp-33",
    ),  # 2^-56.5
}

TANH: Table = {
    32: _parse(
        "0x1p+0", "0x1.555556p-1", "0x1.5554ap-2", "0x1.11101ep-3", "0x1.6d8338p-5", "0x1.a2a3p-7"
    ),  # 2^-31.8
    64: _parse(
        "0x1.0000000000006p+0",
        "0x1.555555555556p-1",
        "0x1.5555555551ab1p-2",
        "0x1.111111110b6ccp-3",
        "0x1.6c16c180e0078p-5",
        "0x1.a01a01d353234p-7",
        "0x1.a019a167088b3p-9",
        "0x1.71dd886bb984ap-11",
        "0x1.28a7dcfcfa0dfp-13",
        "0x1.b044c7be9ea25p-16",
    ),  # 2^-55.4
}

LOG: Table = {
    32: _parse("0x1.55557ap-1", "0x1.995ebap-2", "0x1.31e2f2p-2"),  # 2^-30.2
    64: _parse(
        "0x1.5555555555592p-1",
        "0x1.999999997fdb8p-2",
        "0x1.24924941f121fp-2",
        "0x1.c71c52095f03p-3",
        "0x1.74663ee81c0a3p-3",
        "0x1.39a1babe2a084p-3",
        "0x1.2f05634bdc572p-3",
    ),  # 2^-59.5
}

LOG1P: Table = {
    32: _parse("0x1.5555p-2", "0x1.99d27cp-3", "0x1.1eb612p-3", "0x1.1ef87p-3"),  # 2^-27.7
    64: _parse(
        "0x1.5555555555535p-2",
        "0x1.99999999a084p-3",
        "0x1.2492492085769p-3",
        "0x1.c71c741f8cb16p-4",
        "0x1.745cb39b5cebap-4",
        "0x1.3b1de325533c8p-4",
        "0x1.1067688a1ef2dp-4",
        "0x1.efdd8429b1cabp-5",
        "0x1.559c4b8245cb2p-5",
        "0x1.5c8a5b6cb1f5cp-4",
    ),  # 2^-59.4
}

SIN: Table = {
    32: _parse("-0x1.555546p-3", "0x1.11076p-7", "-0x1.994eb4p-13"),  # 2^-28.1
    64: _parse(
        "-0x1.5555555555549p-3",
        "0x1.111111110f881p-7",
        "-0x1.a01a019c126cp-13",
        "0x1.71de3578752c1p-19",
        "-0x1.ae5e66d5802acp-26",
        "0x1.5d932f75a6a1bp-33",
    ),  # 2^-58.0
}

COS: Table = {
    32: _parse("0x1.55554ap-5", "-0x1.6c0c8cp-10", "0x1.9a025ap-16"),  # 2^-33.3
    64: _parse(
        "0x1.555555555554cp-5",
        "-0x1.6c16c16c15184p-10",
        "0x1.a01a019cb26fcp-16",
        "-0x1.27e4f80a76f3cp-22",
        "0x1.1ee9ec481efa6p-29",
        "-0x1.8faecf6946b9dp-37",
    ),  # 2^-64.2
}
