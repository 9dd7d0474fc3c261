"""A network as C99. In: a `Network` of one direction. Out: the text of name.h and name.c.

No memory is allocated, and only math.h is used, or no library at all. Each layer is a separate
function with constant sizes; matrices are stored column by column, so that a compiler turns the
inner loops into vector code.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

import numpy as np

from unrolled import _version
from unrolled.equations.nodes import ONE, Apply, Constant, Node, Variable, topological
from unrolled.errors import ArgumentError
from unrolled.exports import c_parts
from unrolled.exports.c_numbers import array_text, literal
from unrolled.exports.fold import Folded, fold
from unrolled.exports.formulas import (
    ARITHMETIC,
    COMPARISONS,
    UNCHANGED,
    Dialect,
    Names,
    Way,
    call,
)
from unrolled.exports.int8 import as_int8
from unrolled.exports.loops import Loops
from unrolled.exports.network import Array, Direction, Network
from unrolled.exports.stages import in_stages

# Words of the language, and every name that the file or libm may have for itself.
KEYWORDS = """
auto break case char const continue default do double else enum extern float for goto if inline int
long register restrict return short signed sizeof static struct switch typedef union unsigned void
volatile while j k y y0 y1 yn j0 j1 jn gamma state main add_product add_product_int8 sum_room
bits_of from_bits to_bits sigmoid softplus relu leaky_relu sign maximum minimum square whole_power
exponential hyperbolic_tangent logarithm square_root sine magnitude whole_below exp_parts
power_of_two INFINITY NAN tanhf expf logf sqrtf fabsf sinf cosf powf log1pf floorf tanh exp log sqrt
abs sin cos pow log1p floor
readout_V readout_c
"""

WITH_LIBM = {"tanh": "tanhf", "sigmoid": "sigmoid", "softplus": "softplus", "exp": "expf",
             "log": "logf", "sqrt": "sqrtf", "abs": "fabsf", "floor": "floorf", "sin": "sinf",
             "cos": "cosf"}  # fmt: skip
WITHOUT_LIBM = {"tanh": "hyperbolic_tangent", "sigmoid": "sigmoid", "softplus": "softplus",
                "exp": "exponential", "log": "logarithm", "sqrt": "square_root",
                "abs": "magnitude", "floor": "whole_below"}  # fmt: skip


def dialect(libm: bool) -> Dialect:
    """C, with the library's functions or with its own."""
    functions = WITH_LIBM if libm else WITHOUT_LIBM
    ways = {op: call(name) for op, name in functions.items()}
    if not libm:
        ways |= {"sin": Way("sine({0}, 0u)", 9, (0,)), "cos": Way("sine({0}, 1u)", 9, (0,))}
    return Dialect(
        "C",
        ARITHMETIC | COMPARISONS | UNCHANGED | ways | {
            "relu": call("relu"),
            "leaky_relu": call("leaky_relu", 2),
            "sign": call("sign"),
            "maximum": call("maximum", 2),
            "minimum": call("minimum", 2),
            "where": Way("({0} ? {1} : {2})", 9, (1, 1, 1)),
            "and": Way("({0} && {1})", 9, (1, 1)),
            "or": Way("({0} || {1})", 9, (1, 1)),
            "not": Way("!({0})", 9, (0,)),
            "square": call("square"),
            "whole_power": call("whole_power", 2),
            "pow": call("powf", 2),
        },
        literal,
        frozenset(KEYWORDS.split()),
    )  # fmt: skip


@dataclass
class Layer:
    """One layer's function: `number` among the layers, sizes as numbers."""

    number: int
    direction: Direction
    folded: Folded
    int8: bool
    dialect: Dialect
    arrays: dict[str, str] = field(default_factory=dict)  # constants: name -> text
    flash: int = 0
    stack: int = 0
    products: int = 0
    widest: int = 0

    # what `Loops` asks of a language ---------------------------------------------------------

    def array(self, name: str, *sizes: str) -> str:
        count = int(np.prod([self.units(size) for size in sizes]))
        self.stack += 4 * count
        return f"float {name}[{count}];"

    def local(self, name: str, text: str) -> str:
        return f"const float {name} = {text};"

    def begin(self, name: str, text: str) -> str:
        return f"float {name} = {text};"

    def loop(self, index: str, size: str) -> str:
        return f"for (int {index} = 0; {index} < {self.units(size)}; {index}++) {{"

    def length(self, size: str) -> str:
        return f"{self.units(size)}.0f"

    def count(self, size: str) -> str:
        return str(self.units(size))

    def array_of(self, number: str) -> str:
        return f"&{number}"

    def add_product(
        self, target: str, matrix: str, vector: str, sizes: tuple[str, str], transposed: bool,
        first: bool,
    ) -> str:  # fmt: skip
        assert not transposed, "a turned matrix of weights has been folded into one of its own"
        rows, columns = map(self.units, sizes)
        self.products += rows * columns
        clear = ""
        if first:
            clear = f"for (int k = 0; k < {rows}; k++)\n        {target}[k] = 0.0f;\n    "
        if self.int8:
            self.widest = max(self.widest, rows)
            return (
                f"{clear}add_product_int8({target}, {matrix}, {matrix}_scale, {vector}, sum_room, "
                f"{rows}, {columns});"
            )
        return f"{clear}add_product({target}, {matrix}, {vector}, {rows}, {columns});"

    def units(self, size: str) -> int:
        return 1 if size == ONE else self.direction.sizes[size]

    # constants -------------------------------------------------------------------------------

    def constant(self, name: str, value: Array) -> None:
        """A weight as a constant array; a matrix column after column."""
        if value.ndim == 0:
            self.arrays[name] = f"static const float {name} = {literal(float(value))};"
            self.flash += 4
        elif value.ndim == 2 and self.int8:
            whole, scale = as_int8(value)
            self.arrays[name] = array_text("int8_t", name, whole.T)
            self.arrays[f"{name}_scale"] = array_text("float", f"{name}_scale", scale)
            self.flash += whole.size + 4 * scale.size
        else:
            self.arrays[name] = array_text("float", name, value.T if value.ndim == 2 else value)
            self.flash += 4 * value.size


def c_name(name: str) -> str:
    """A name of ASCII letters: alpha for a Greek one."""
    letters = [
        c if c.isascii() else unicodedata.name(c, "letter").split()[-1].lower() for c in name
    ]
    return re.sub(r"\W", "_", "".join(letters))


@dataclass(frozen=True)
class CFiles:
    """The text of the files, and the memory that they take."""

    header: str
    source: str
    flash: int
    ram: int
    stack: int
    multiplications: int


def c_files(network: Network, name: str, *, libm: bool = True, int8: bool = False) -> CFiles:
    """The two files of a network; `name` begins every name that they define for others."""
    if not re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII):
        raise ArgumentError(f"{name!r} cannot begin the names of C functions: take letters, digits")
    if network.is_bidirectional:
        raise ArgumentError(
            "C is written for one time step at a time, and a bidirectional layer reads a sequence "
            "from its end, too: export a layer without bidirectional=True, or to onnx or js"
        )
    language = dialect(libm)
    layers, functions = [], []
    for number, (direction,) in enumerate(network.layers):
        folded = fold(network.equation, direction)
        layer = Layer(number, direction, folded, int8, language)
        functions.append(_layer_function(network, layer))
        layers.append(layer)
        if not libm:
            _refuse_powers(folded)
    readout = _readout(network, int8)
    body = "\n\n".join(
        [
            *[t for layer in layers for t in layer.arrays.values()],
            *readout.arrays.values(),
            *functions,
            _init(network, name),
            _step(network, name, readout, int8),
        ]
    )
    called = c_parts.used_in(body, c_parts.functions(libm))
    text = "\n\n".join([_includes(name, libm), *called, body])
    ram = 4 * sum(
        layer.units(shape[0]) for layer in layers for shape in network.equation.states.values()
    )
    stack = max(layer.stack + 4 * layer.widest * int8 for layer in layers)
    flash = sum(layer.flash for layer in layers) + readout.flash
    products = sum(layer.products for layer in layers) + readout.products
    found = CFiles("", text + "\n", flash, ram, stack, products)
    return CFiles(_header(network, name, found, layers), text + "\n", flash, ram, stack, products)


def _refuse_powers(folded: Folded) -> None:
    """Refuse powers that are not integers without libm."""
    for node in topological(v for _, v in folded.statements):
        if isinstance(node, Apply) and node.op == "pow":
            exponent = node.args[1]
            assert isinstance(exponent, Constant)
            if not exponent.value.is_integer():
                c_parts.refuse_power(exponent.value)


class _CLoops(Loops):
    """Powers with whole exponents by multiplication."""

    def _leaf(self, node: Node, indices: tuple[str, ...]) -> str | None:
        if isinstance(node, Apply) and node.op == "pow" and node not in self.known:
            exponent = node.args[1]
            assert isinstance(exponent, Constant)
            base = self._element(node.args[0], indices)
            if exponent.value == 2:
                return f"square({base})"
            if exponent.value.is_integer():
                return f"whole_power({base}, {int(exponent.value)})"
        return super()._leaf(node, indices)


def _layer_function(network: Network, layer: Layer) -> str:
    """static void layer_0(const float *x, float *h_prev, ...): the states, in place."""
    names = Names(layer.dialect)
    given: dict[Node, str] = {}
    parameters = []
    for v in network.equation.given:
        if v.role in ("input", "state"):
            wanted = f"{v.name}_prev" if v.role == "state" else v.name
            given[v] = names.take(c_name(wanted))
            const = "const " if v.role == "input" else ""
            parameters.append(f"{const}float *restrict {given[v]}")
    results = list(network.equation.states)
    stages = in_stages(layer.folded.statements, results)
    for v, value in layer.folded.weights.items():
        given[v] = names.take(f"layer_{layer.number}_{c_name(v.name)}")
        layer.constant(given[v], value)
    loops = _CLoops(layer, stages, _ascii(names), given, lambda constant: None)
    lines = loops.write()
    lines += _take_over(network, layer, loops, results)
    unused = [
        name
        for v, name in given.items()
        if isinstance(v, Variable)
        and v.role in ("input", "state")
        and not any(_says(line, name) for line in lines)
    ]
    lines = [f"(void){name};" for name in unused] + lines
    if layer.widest:
        lines.insert(0, f"float sum_room[{layer.widest}];")
    arguments = ",\n                    ".join(parameters)
    return f"static void layer_{layer.number}({arguments})\n{{\n{_indented(lines)}\n}}"


def _says(line: str, name: str) -> bool:
    return re.search(rf"\b{name}\b", line) is not None


def _ascii(names: Names) -> Names:
    """Names for values, in letters of ASCII."""
    take = names.take
    names.take = lambda wanted: take(c_name(wanted))  # type: ignore[method-assign]
    return names


def _take_over(network: Network, layer: Layer, loops: Loops, results: list[str]) -> list[str]:
    """The new states replace the old ones, once all of them have been computed."""
    values = dict(loops.stages.statements)
    lines, last, declared = [], [], []
    for name, shape in network.equation.states.items():
        v = next(v for v in network.equation.given if v.role == "state" and v.name == name)
        size, node = shape[0], values[name]
        text = loops._element(node, ("k",))
        if isinstance(node, Variable):  # another state, the input: it may change before it is read
            copy = loops.names.take(f"{name}_copy")
            declared.append(layer.array(copy, size))
            lines += [layer.loop("k", size), f"{copy}[k] = {text};", "}"]
            text = f"{copy}[k]"
        last += [layer.loop("k", size), f"{loops.given[v]}[k] = {text};", "}"]
    return [*declared, *lines, *last]


def _indented(lines: list[str]) -> str:
    """Lines of a function, set in by their depth; a loop around one line needs no braces."""
    depth, found = 1, []
    for line in "\n".join(lines).splitlines():
        text = line.strip()
        depth -= text.startswith("}")
        extra = 4 if line.startswith("        ") else 0
        found.append(" " * (4 * depth + extra) + text)
        depth += text.endswith("{")
    return "\n".join(found)


@dataclass
class _Readout:
    arrays: dict[str, str]
    flash: int = 0
    products: int = 0


def _readout(network: Network, int8: bool) -> _Readout:
    if network.readout is None:
        return _Readout({})
    matrix, bias = network.readout
    layer = Layer(0, network.layers[0][0], Folded([], {}), int8, dialect(True))
    layer.constant("readout_V", matrix)
    layer.constant("readout_c", bias)
    return _Readout(layer.arrays, layer.flash, matrix.size)


def _includes(name: str, libm: bool) -> str:
    lines = [f'#include "{name}.h"', ""]
    lines += ["#include <math.h>", "#include <stdint.h>"] if libm else ["#include <stdint.h>"]
    return "\n".join(lines)


def _init(network: Network, name: str) -> str:
    lines = [f"void {name}_init({name}_state *state)", "{"]
    for number, (direction,) in enumerate(network.layers):
        for state, shape in network.equation.states.items():
            count = direction.sizes.get(shape[0], 1)
            start = literal(network.equation.initial_state.get(state, 0.0))
            lines += [f"    for (int k = 0; k < {count}; k++)",
                      f"        state->{c_name(state)}_{number}[k] = {start};"]  # fmt: skip
    return "\n".join([*lines, "}"])


def public_names(network: Network) -> dict[str, str]:
    """What the inputs by name are called in the function `step`."""
    names = Names(Dialect("C", {}, literal, frozenset({*KEYWORDS.split(), "x", "y", "state"})))
    return {name: names.take(c_name(name)) for name in network.named}


def _signature(network: Network, name: str) -> str:
    named = "".join(f"const float *{one}, " for one in public_names(network).values())
    return f"void {name}_step({name}_state *state, const float *x, {named}float *y)"


def _step(network: Network, name: str, readout: _Readout, int8: bool) -> str:
    first = c_name(next(iter(network.equation.states)))
    lines = [_signature(network, name), "{"]
    below = "x"
    for number in range(len(network.layers)):
        given = {network.equation.given[0].name: below, **public_names(network)}
        given |= {s: f"state->{c_name(s)}_{number}" for s in network.equation.states}
        order = [v.name for v in network.equation.given if v.role in ("input", "state")]
        lines.append(f"    layer_{number}({', '.join(given[name] for name in order)});")
        below = f"state->{first}_{number}"
    if network.readout is None:
        lines += [f"    for (int k = 0; k < {network.output_size}; k++)",
                  f"        y[k] = {below}[k];"]  # fmt: skip
    else:
        rows, columns = network.readout[0].shape
        if int8:
            lines.append(f"    float sum_room[{rows}];")
        lines += [f"    for (int k = 0; k < {rows}; k++)", "        y[k] = readout_c[k];"]
        call_text = (
            f"add_product_int8(y, readout_V, readout_V_scale, {below}, sum_room, {rows}, {columns})"
            if int8
            else f"add_product(y, readout_V, {below}, {rows}, {columns})"
        )
        lines.append(f"    {call_text};")
    return "\n".join([*lines, "}"])


def _header(network: Network, name: str, found: CFiles, layers: list[Layer]) -> str:
    outputs = network.output_size if network.readout is None else len(network.readout[1])
    fields = []
    for layer in layers:
        for state, shape in network.equation.states.items():
            fields.append(f"    float {c_name(state)}_{layer.number}[{layer.units(shape[0])}];")
    equation = "\n".join(f"     {line}" for line in network.equation.text.splitlines())
    counted = "1 layer" if len(layers) == 1 else f"{len(layers)} layers"
    version, guard = _version.__version__, f"{name.upper()}_H"
    called, widths = public_names(network), network.named
    reads = ", ".join([f"x[{network.input_size}]",
                       *(f"{one}[{widths[n]}]" for n, one in called.items())])  # fmt: skip
    named = "".join(f"#define {name.upper()}_INPUTS_{one.upper()} {widths[n]}\n"
                    for n, one in called.items())  # fmt: skip
    return f"""\
/* {network.equation.name}, {counted}, one time step at a time. Written by unrolled {version}.

{equation}

   Flash: {found.flash:,} bytes of constants, and the code.
   RAM: {found.ram:,} bytes of state, and up to {found.stack:,} bytes of the stack in a step.
   Multiplications with weights of a matrix: {found.multiplications:,} a step.

   Compile it with optimisation (-O3), and without -ffast-math: NaN and infinity are used. */
#ifndef {guard}
#define {guard}

#define {name.upper()}_INPUTS {network.input_size}
{named}#define {name.upper()}_OUTPUTS {outputs}

typedef struct {{
{chr(10).join(fields)}
}} {name}_state;

/* The states before the first time step. */
void {name}_init({name}_state *state);

/* One time step: reads {reads}, changes the states, writes y[{outputs}]. What it reads and y lie
   outside the states. */
{_signature(network, name)};

#endif
"""
