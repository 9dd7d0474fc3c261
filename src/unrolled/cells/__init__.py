"""The library of equations: one short file a cell. In: `base.Cell`. Out: each cell by its name."""

from unrolled.cells.antisymmetric import AntisymmetricRNN
from unrolled.cells.cfc import CfC
from unrolled.cells.cornn import CoRNN
from unrolled.cells.coupled import CoupledLSTM
from unrolled.cells.elman import Elman
from unrolled.cells.fastgrnn import FastGRNN
from unrolled.cells.gru import GRU
from unrolled.cells.gru_cho import GRUCho2014
from unrolled.cells.highway import RecurrentHighway
from unrolled.cells.indrnn import IndRNN
from unrolled.cells.irnn import IRNN
from unrolled.cells.jordan import Jordan
from unrolled.cells.layer_norm import LayerNormLSTM
from unrolled.cells.lem import LEM
from unrolled.cells.ligru import LiGRU
from unrolled.cells.lstm import LSTM
from unrolled.cells.mgu import MGU
from unrolled.cells.min_gru import MinGRU
from unrolled.cells.min_lstm import MinLSTM
from unrolled.cells.multiplicative import MultiplicativeLSTM
from unrolled.cells.peephole import PeepholeLSTM
from unrolled.cells.projected import ProjectedLSTM
from unrolled.cells.rg_lru import RGLRU
from unrolled.cells.slstm import SLSTM
from unrolled.cells.sru import SRU
from unrolled.cells.ugrnn import UGRNN

__all__ = [
    "GRU",
    "IRNN",
    "LEM",
    "LSTM",
    "MGU",
    "RGLRU",
    "SLSTM",
    "SRU",
    "UGRNN",
    "AntisymmetricRNN",
    "CfC",
    "CoRNN",
    "CoupledLSTM",
    "Elman",
    "FastGRNN",
    "GRUCho2014",
    "IndRNN",
    "Jordan",
    "LayerNormLSTM",
    "LiGRU",
    "MinGRU",
    "MinLSTM",
    "MultiplicativeLSTM",
    "PeepholeLSTM",
    "ProjectedLSTM",
    "RecurrentHighway",
]
