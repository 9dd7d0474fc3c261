"""What changes a cell: one short file a modifier. In: an equation. Out: another."""

from unrolled.cells.modifiers.coupled_gates import CoupledGates
from unrolled.cells.modifiers.dropout import RecurrentDropout, VariationalDropout, WeightDrop
from unrolled.cells.modifiers.layer_norm import LayerNorm, RMSNorm
from unrolled.cells.modifiers.modifier import Modifier
from unrolled.cells.modifiers.zoneout import Zoneout

__all__ = [
    "CoupledGates",
    "LayerNorm",
    "Modifier",
    "RMSNorm",
    "RecurrentDropout",
    "VariationalDropout",
    "WeightDrop",
    "Zoneout",
]
