"""What changes a cell: one short file a modifier. In: an equation. Out: another."""

from unrolled.cells.modifiers.coupled_gates import CoupledGates
from unrolled.cells.modifiers.layer_norm import LayerNorm, RMSNorm
from unrolled.cells.modifiers.modifier import Modifier

__all__ = ["CoupledGates", "LayerNorm", "Modifier", "RMSNorm"]
