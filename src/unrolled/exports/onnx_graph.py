"""Build ONNX graphs, node by node. In: operations and arrays. Out: `Graph`; next: `onnx_step`,
`onnx_layers`. It needs the package onnx (the extra `export`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from unrolled.errors import extras

OPSET = 17  # the first with LayerNormalization; every runtime since 2022 reads it
IR_VERSION = 8  # what belongs to that opset
INT64 = 7  # ONNX's number for it


def onnx() -> Any:
    """The package, or an error that says how to install it."""
    with extras("export to onnx"):
        import onnx as package
    return package


@dataclass
class Graph:
    """Nodes and constants so far. Every value has a name of its own, in nested graphs, too."""

    dtype: Any
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    known: dict[tuple[Any, ...], str] = field(default_factory=dict)

    def inner(self) -> Graph:
        """A graph within this one, the body of a Scan: names are shared, nodes are not."""
        return Graph(self.dtype, counts=self.counts)

    @property
    def element(self) -> int:
        """ONNX's number for the dtype."""
        return int(onnx().helper.np_dtype_to_tensor_dtype(np.dtype(self.dtype)))

    def fresh(self, name: str) -> str:
        """The name, or the name with a number."""
        count = self.counts[name] = self.counts.get(name, 0) + 1
        return name if count == 1 else f"{name}.{count}"

    def add(self, op: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """One node with one result."""
        (result,) = self.add_many(op, inputs, (name or op.lower(),), **attributes)
        return result

    def add_many(
        self, op: str, inputs: Sequence[str], names: Sequence[str], **attributes: Any
    ) -> list[str]:
        """One node; an empty name is an unused result."""
        results = [self.fresh(name) if name else "" for name in names]
        label = self.fresh(f"{op}:{next((r for r in results if r), op)}")
        node = onnx().helper.make_node(op, list(inputs), results, name=label, **attributes)
        self.nodes.append(node)
        return results

    def constant(self, value: Any, name: str = "constant", dtype: Any = None) -> str:
        """A constant array; equal numbers are stored only once."""
        array = np.asarray(value, self.dtype if dtype is None else dtype)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self.known:
            found = self.known[key] = self.fresh(name)
            whole = np.ascontiguousarray(array).reshape(array.shape)
            self.constants.append(onnx().numpy_helper.from_array(whole, found))
        return self.known[key]

    def integers(self, *values: int) -> str:
        """A vector of whole numbers: axes, shapes."""
        return self.constant(np.array(values, np.int64), "integers", np.int64)

    def value(self, name: str, shape: Sequence[Any], element: int | None = None) -> Any:
        """The description of an input or output."""
        element = self.element if element is None else element
        return onnx().helper.make_tensor_value_info(name, element, list(shape))

    def rename(self, value: str, name: str) -> None:
        """A value once more, under the public name of an output."""
        node = onnx().helper.make_node("Identity", [value], [name], name=f"Identity:{name}")
        self.nodes.append(node)

    def build(self, name: str, inputs: Sequence[Any], outputs: Sequence[Any]) -> Any:
        """The graph as onnx has it."""
        return onnx().helper.make_graph(
            self.nodes, name, list(inputs), list(outputs), self.constants
        )


def model_of(graph: Any, about: str, version: str) -> Any:
    """A model that has been checked."""
    package = onnx()
    made = package.helper.make_model(
        graph,
        opset_imports=[package.helper.make_opsetid("", OPSET)],
        producer_name="unrolled",
        producer_version=version,
        ir_version=IR_VERSION,
        doc_string=about,
    )
    package.checker.check_model(made, full_check=True)
    return made
