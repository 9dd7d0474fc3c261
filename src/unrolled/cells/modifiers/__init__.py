"""Modifiers of cells, each in a short file. In: an equation. Out: another equation."""

from unrolled.cells.modifiers.around import Highway, LearnedState, Residual
from unrolled.cells.modifiers.coupled_gates import CoupledGates
from unrolled.cells.modifiers.dropout import RecurrentDropout, VariationalDropout, WeightDrop
from unrolled.cells.modifiers.gradient_bound import GradientBound
from unrolled.cells.modifiers.heads import Heads
from unrolled.cells.modifiers.layer_norm import LayerNorm, RMSNorm
from unrolled.cells.modifiers.modifier import Modifier
from unrolled.cells.modifiers.zoneout import Zoneout

__all__ = [
    "CoupledGates",
    "GradientBound",
    "Heads",
    "Highway",
    "LayerNorm",
    "LearnedState",
    "Modifier",
    "RMSNorm",
    "RecurrentDropout",
    "Residual",
    "VariationalDropout",
    "WeightDrop",
    "Zoneout",
]
