"""A network in C agrees with the layer, with every warning an error, on three processors."""

import shutil
import struct
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import unrolled
from tests.exported import CELLS, layer_of, sequence
from tests.tolerances import C_STEP, FLOAT32, assert_agrees
from unrolled.cells import LSTM, Elman
from unrolled.errors import ArgumentError
from unrolled.exports.c_code import c_files
from unrolled.exports.network import Network, network_of

STRICT = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic")
SANITIZERS = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
ARM = ("arm-none-eabi-gcc", "-O2", "-mcpu=cortex-m4", "-mthumb", "--specs=rdimon.specs",
       "-Wl,--section-start=.vectors=0", "vectors.s")  # fmt: skip
ARM_BOARD = ("qemu-system-arm", "-M", "mps2-an386", "-nographic", "-monitor", "none", "-serial",
             "none", "-semihosting-config", "enable=on,target=native", "-kernel")  # fmt: skip
# where a Cortex-M begins: the stack's end, and the first instruction
VECTORS = '.section .vectors, "a"\n.word 0x20400000\n.word _start\n'
SOME = ("gru", "slstm", "layernormlstm", "fastgrnn", "elman relu", "awkward")


def need(*programs: str) -> None:
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


def main_of(
    networks: dict[str, Network], inputs: dict[str, Any], named: dict[str, dict[str, Any]]
) -> str:
    """A program that runs every network over its inputs and prints the outputs' bits."""
    lines = ["#include <stdio.h>", "#include <stdint.h>", "#include <string.h>"]
    lines += [f'#include "{name}.h"' for name in networks]
    lines += [
        "static void print(const float *y, int n)", "{", "    for (int k = 0; k < n; k++) {",
        "        uint32_t bits;", "        memcpy(&bits, y + k, 4);",
        '        printf("%08lx\\n", (unsigned long)bits);', "    }", "}",
    ]  # fmt: skip
    body = []
    for name, xs in inputs.items():
        steps, big = len(xs), name.upper()
        given = []
        for key, array in {"x": xs, **named.get(name, {})}.items():
            numbers = ", ".join(f"{x!r}f" for x in array.reshape(-1).tolist())
            lines.append(f"static const float {name}_{key}s[] = {{{numbers}}};")
            size = f"{big}_INPUTS" if key == "x" else f"{big}_INPUTS_{key.upper()}"
            given.append(f"{name}_{key}s + t * {size}")
        body += [
            "    {", f"        {name}_state s;", f"        float y[{big}_OUTPUTS];",
            f"        {name}_init(&s);", f"        for (int t = 0; t < {steps}; t++) {{",
            f"            {name}_step(&s, {', '.join(given)}, y);",
            f"            print(y, {big}_OUTPUTS);", "        }", "    }",
        ]  # fmt: skip
    return "\n".join([*lines, "int main(void)", "{", *body, "    return 0;", "}", ""])


def outputs_of(
    folder: Path,
    networks: dict[str, Network],
    inputs: dict[str, Any],
    compiler: Sequence[str],
    runner: Sequence[str] = (),
    named: dict[str, dict[str, Any]] | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Compile all of them into one program, run it, and take its outputs apart."""
    for name, network in networks.items():
        files = c_files(network, name, **options)
        (folder / f"{name}.h").write_text(files.header)
        (folder / f"{name}.c").write_text(files.source)
    (folder / "main.c").write_text(main_of(networks, inputs, named or {}))
    names = [f"{name}.c" for name in networks]
    built = subprocess.run(
        [*compiler, "main.c", *names, "-o", "program", "-lm"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr[:3000]
    done = subprocess.run(
        [*runner, "program"] if runner else ["./program"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[:3000]
    assert done.stderr == ""
    numbers = np.array([struct.unpack(">f", bytes.fromhex(w))[0] for w in done.stdout.split()])
    found = {}
    for name, xs in inputs.items():
        readout = networks[name].readout
        width = networks[name].output_size if readout is None else len(readout[1])
        found[name] = numbers[: len(xs) * width].reshape(len(xs), width).astype(np.float32)
        numbers = numbers[len(xs) * width :]
    assert not len(numbers)
    return found


def everything(names: Iterable[str]) -> tuple[dict[str, Network], dict[str, Any], dict[str, Any]]:
    """Two layers of each cell, a sequence each, and the layers' answers."""
    networks, inputs, expected = {}, {}, {}
    for number, name in enumerate(names):
        layer = layer_of(name, num_layers=2)
        key = f"net{number}_{name.replace(' ', '_')}"
        xs, ys = sequence(layer)
        networks[key], inputs[key], expected[key] = network_of(layer), xs[:, 0], ys[:, 0]
    return networks, inputs, expected


@pytest.mark.exhaustive
@pytest.mark.parametrize("libm", [True, False], ids=["libm", "own"])
def test_every_cell_agrees_with_the_layer(tmp_path: Path, libm: bool) -> None:
    need("gcc")
    networks, inputs, expected = everything(CELLS)
    compiler = ("gcc", "-O0", *SANITIZERS, *STRICT)
    found = outputs_of(tmp_path, networks, inputs, compiler, libm=libm)
    for name, ys in expected.items():
        assert_agrees(found[name], ys, tolerance=C_STEP, name=name)


@pytest.mark.parametrize(
    ("libm", "compiler", "runner"),
    [
        (False, ("gcc", "-O3"), ()),
        (True, ARM, ARM_BOARD),
        (False, ARM, ARM_BOARD),
        (False, ("riscv64-linux-gnu-gcc", "-O2", "-static"), ("qemu-riscv64",)),
    ],
    ids=["optimised", "cortex-m4-libm", "cortex-m4", "riscv"],
)
def test_other_processors_agree_with_the_layer(
    tmp_path: Path, libm: bool, compiler: tuple[str, ...], runner: tuple[str, ...]
) -> None:
    need(compiler[0], *runner[:1])
    (tmp_path / "vectors.s").write_text(VECTORS)
    networks, inputs, expected = everything(SOME)
    found = outputs_of(tmp_path, networks, inputs, (*compiler, *STRICT), runner, libm=libm)
    for name, ys in expected.items():
        assert_agrees(found[name], ys, tolerance=C_STEP, name=name)


def test_without_libm_nothing_of_it_is_called(tmp_path: Path) -> None:
    need("gcc", "nm")
    networks, _, _ = everything(SOME)
    for name, network in networks.items():
        files = c_files(network, name, libm=False)
        assert "math.h" not in files.source
        (tmp_path / f"{name}.h").write_text(files.header)
        (tmp_path / f"{name}.c").write_text(files.source)
    names = [f"{name}.c" for name in networks]
    command = ["gcc", "-O2", "-ffreestanding", *STRICT, "-c", *names]
    subprocess.run(command, cwd=tmp_path, check=True)
    objects = [f"{name}.o" for name in networks]
    done = subprocess.run(
        ["nm", "-u", *objects], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    wanted = {line.split()[-1] for line in done.stdout.splitlines() if " U " in line}
    assert wanted <= {"memset", "memcpy", "_GLOBAL_OFFSET_TABLE_", "__stack_chk_fail"}


def test_int8_is_as_close_as_it_says(tmp_path: Path) -> None:
    need("gcc")
    layer = unrolled.LSTM(6, 32, num_layers=2)
    with torch.no_grad():
        xs = torch.randn(40, 1, 6)
        ys = layer(xs)[0][:, 0].numpy()
    done = unrolled.export(layer, tmp_path / "small.c", int8=True)
    assert "int8 weights change outputs by up to" in done.notes[1]
    network = network_of(layer)
    found = outputs_of(
        tmp_path, {"small": network}, {"small": xs[:, 0].numpy()}, ("gcc", *STRICT), int8=True
    )["small"]
    error = np.abs(found - ys).max()
    assert 1e-6 < error < 0.02 * np.abs(ys).max()
    assert c_files(network, "a", int8=True).flash < 0.32 * c_files(network, "a").flash


@pytest.mark.parametrize("cell", ["gru", "rnn"])
def test_layers_of_torch_and_a_readout(tmp_path: Path, cell: str) -> None:
    need("gcc")
    layer = {"gru": torch.nn.GRU, "rnn": torch.nn.RNN}[cell](3, 7, num_layers=2)
    linear = torch.nn.Linear(7, 2)
    with torch.no_grad():
        xs = torch.randn(5, 1, 3)
        ys = linear(layer(xs)[0])[:, 0].numpy()
    found = network_of(layer)
    weight, bias = linear.weight.detach().numpy(), linear.bias.detach().numpy()
    network = Network(found.equation, found.layers, (weight, bias))
    got = outputs_of(tmp_path, {"net": network}, {"net": xs[:, 0].numpy()}, ("gcc", *STRICT))
    assert_agrees(got["net"], ys, tolerance=FLOAT32)


def test_the_header_says_what_it_takes() -> None:
    header = c_files(network_of(LSTM(2, 3, seed=0)), "net").header
    assert "Flash: 288 bytes" in header
    assert "RAM: 24 bytes of state" in header
    assert "60 a step" in header
    assert "#define NET_INPUTS 2" in header


def test_what_cannot_be_c_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="bidirectional layer reads a sequence from its end"):
        unrolled.export(unrolled.GRU(2, 3, bidirectional=True), tmp_path / "net.c")
    with pytest.raises(ArgumentError, match="Elman is a cell without sizes"):
        unrolled.export(Elman, tmp_path / "net.c")
    with pytest.raises(ArgumentError, match="has no sizes"):
        unrolled.export(Elman(), tmp_path / "net.c")
    with pytest.raises(ArgumentError, match="made of letters, digits and _: my_net"):
        unrolled.export(Elman(2, 3), tmp_path / "my-net.c")
    with pytest.raises(ArgumentError, match="no export to 'rust'"):
        unrolled.export(Elman(2, 3), tmp_path / "net", "rust")
    with pytest.raises(ArgumentError, match="its ending does not say"):
        unrolled.export(Elman(2, 3), tmp_path / "net")
    with pytest.raises(ArgumentError, match="not Linear"):
        unrolled.export(torch.nn.Linear(2, 3), tmp_path / "net.c")
    with pytest.raises(ArgumentError, match="its part '0' is one"):
        unrolled.export(torch.nn.Sequential(unrolled.GRU(2, 3)), tmp_path / "net.c")
    assert list(tmp_path.iterdir()) == []
