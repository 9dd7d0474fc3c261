"""The machine for which code is written."""

import platform

import pytest

from unrolled.engines.cpu.machine import target
from unrolled.engines.cpu.machine.target import AVX2, AVX512, NEON, host


def test_host_is_this_machine() -> None:
    here = host()
    assert here.triple.split("-")[0].replace("arm64", "aarch64") == platform.machine().lower()
    assert here.vector_bytes in (16, 32, 64)
    assert here.cpu
    assert host() is here


@pytest.mark.parametrize(("machine", "lanes"), [(AVX2, 8), (AVX512, 16), (NEON, 4)])
def test_lanes_fill_a_vector(machine: target.Target, lanes: int) -> None:
    assert machine.lanes(32) == lanes
    assert machine.lanes(64) == lanes // 2


@pytest.mark.parametrize(
    ("features", "width"),
    [
        ({"avx512f": True, "avx512dq": True, "avx512vl": True, "avx512bw": True}, 64),
        ({"avx512f": True, "avx2": True, "fma": True}, 32),
        ({"avx2": True, "fma": False}, 16),
        ({"avx2": False}, 16),
        ({"neon": True}, 16),
        ({}, 16),
    ],
)
def test_width_follows_from_features(features: dict[str, bool], width: int) -> None:
    assert target._width(features) == width
