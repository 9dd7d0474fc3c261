"""`unrolled.export`: one model, one file format. In: a cell with sizes, a layer, a run. Out: files.

Next: another runtime. What a format does not support is refused by name, with an alternative.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unrolled.errors import ArgumentError
from unrolled.exports.network import Network, network_of
from unrolled.files import write_whole

if TYPE_CHECKING:
    from unrolled.exports.c_code import CFiles

FORMATS = {"c": ".c", "js": ".mjs", "onnx": ".onnx", "html": ".html"}
NO_INT8 = "int8 is for c, js and html: an onnx graph holds float32 weights"
SUFFIXES = {".h": "c", ".js": "js"} | {suffix: name for name, suffix in FORMATS.items()}


@dataclass(frozen=True)
class Options:
    """Options of the formats; each format refuses those that it does not support."""

    int8: bool = False
    libm: bool = True


@dataclass(frozen=True)
class Exported:
    """The files that were written, and facts about them."""

    files: tuple[Path, ...]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join([f"wrote {path}" for path in self.files] + list(self.notes))


def export(
    model: Any,
    path: str | Path,
    to: str | None = None,
    *,
    inputs: Sequence[str] = (),
    lengths: bool = False,
    int8: bool = False,
    libm: bool = True,
) -> Exported:
    """Write a model for another runtime.

        unrolled.export(layer, "lstm.c")

    `model` is a cell with sizes, a recurrent layer (of this project or of torch.nn), a fitted
    classifier, regressor, forecaster, generator or tagger, or the folder of its run; `to` is one of
    the formats, by default what the ending of `path` says:

    - "c": name.h and name.c in C99, one time step at a time, without allocation. Without `libm` the
      file brings its own tanh and exp.

    - "onnx": name.onnx for whole sequences, and name.step.onnx for one time step. Time and batch
      may be any number, states go in and out; with `lengths` each sequence has its own, too.
    - "js": a JavaScript module without dependencies: `forward`, and the derived `backward`.

    - "html": a fitted model as one page that works offline.

    docs/deploy.md lists which runs become what.

    Named inputs of a cell (`step(self, x, h, *, dt)`) are inputs of the export, too. If one has a
    default (`dt=1.0`), it is an input only if it is listed in `inputs`; otherwise the default is
    used.

    `int8` (not for onnx) stores each row of a matrix as 8-bit integers with a scale. Returns the
    written files, and figures such as bytes of flash and of RAM.
    """
    path = Path(path)
    kind = _format(path, to)
    if not libm and kind != "c":
        raise ArgumentError(f"libm is an option of to='c', not of {kind!r}")
    if lengths and kind != "onnx":
        raise ArgumentError(f"lengths is an option of to='onnx', not of {kind!r}")
    path = path if path.suffix in SUFFIXES else path.with_name(path.name + FORMATS[kind])
    if isinstance(model, str | Path):
        model = import_module("unrolled.tasks.runs").open_run(model)
    if hasattr(model, "export_as"):  # a fitted estimator, which knows what stands around its layers
        if lengths:
            raise ArgumentError("lengths is an option of layers and cells: a run has them anyway")
        if inputs:
            raise ArgumentError("inputs is an option of layers and cells: a run says what it reads")
        exported: Exported = model.export_as(kind, path, Options(int8, libm))
        return exported
    if kind == "html":
        raise ArgumentError(
            "html is a page of a fitted classifier, regressor, forecaster, generator or tagger, or "
            "of its run; a layer is exported to js, and its module goes into any page"
        )
    network = network_of(model, inputs)
    if kind == "js":
        return _to_javascript(network, path, int8)
    if kind == "onnx":
        if int8:
            raise ArgumentError(NO_INT8)
        return _to_onnx(network, path, lengths)
    return _to_c(network, path.with_suffix(".c"), int8, libm)


def _format(path: Path, to: str | None) -> str:
    if to is None and path.suffix in SUFFIXES:
        return SUFFIXES[path.suffix]
    if to in FORMATS:
        return to
    known = ", ".join(FORMATS)
    if to is None:
        raise ArgumentError(
            f"{path}: its ending does not say what to export to; give to=..., one of {known}"
        )
    raise ArgumentError(f"there is no export to {to!r}; to is one of {known}")


def _to_onnx(network: Network, path: Path, lengths: bool) -> Exported:
    from unrolled.exports.onnx_file import sequence_model, step_model
    from unrolled.exports.onnx_graph import OPSET

    files = [path]
    write_whole(path, sequence_model(network, lengths).SerializeToString())
    notes = [f"opset {OPSET}"]
    if network.is_bidirectional:
        notes.append("no graph of one step: a bidirectional layer reads from the end, too")
    else:
        files.append(path.with_name(f"{path.stem}.step.onnx"))
        write_whole(files[1], step_model(network).SerializeToString())
    return Exported(tuple(files), tuple(notes))


def _to_javascript(network: Network, path: Path, int8: bool) -> Exported:
    from unrolled.exports.javascript import javascript

    text = javascript(network, int8)
    write_whole(path, text)
    notes = [f"{len(text.encode()):,} bytes, weights included"]
    return Exported((path,), (*notes, *([_int8_error(network)] if int8 else [])))


def _to_c(network: Network, path: Path, int8: bool, libm: bool) -> Exported:
    from unrolled.exports.c_code import c_files

    files = c_files(network, c_name_of(path), libm=libm, int8=int8)
    return write_c(path, files, [_int8_error(network)] if int8 else [])


def c_name_of(path: Path) -> str:
    """The prefix of the names of the functions."""
    name = re.sub(r"\W", "_", path.stem, flags=re.ASCII)
    if name != path.stem:
        raise ArgumentError(
            f"{path.name}: the name of the file begins the names of its functions, so it is made "
            f"of letters, digits and _: {name}.c"
        )
    return name


def write_c(path: Path, files: CFiles, more: Sequence[str] = ()) -> Exported:
    """Both files, and what they take."""
    header, source = path.with_suffix(".h"), path.with_suffix(".c")
    write_whole(header, files.header)
    write_whole(source, files.source)
    note = (
        f"{files.flash:,} bytes of constants, {files.ram:,} bytes of state, up to {files.stack:,} "
        f"bytes of the stack, {files.multiplications:,} multiplications with matrices a step"
    )
    return Exported((header, source), (note, *more))


def _int8_error(network: Network) -> str:
    """The effect of rounding the matrices, measured on random inputs."""
    from unrolled.exports.rounding import largest_difference

    difference, size = largest_difference(network)
    return (
        f"int8 weights change outputs by up to {difference:.2g} on 100 steps of standard normal "
        f"inputs{_drawn(network)}, where outputs are up to {size:.2g}"
    )


def _drawn(network: Network) -> str:
    names = ", ".join(network.named)
    return f" ({names} uniform between 0 and 1)" if names else ""
