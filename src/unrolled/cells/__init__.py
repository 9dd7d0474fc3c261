"""The library of cells, each in a short file. In: `base.Cell`. Out: each cell by its name."""

from unrolled.cells.antisymmetric import AntisymmetricRNN
from unrolled.cells.brc import BRC, NBRC
from unrolled.cells.cfc import CfC
from unrolled.cells.cornn import CoRNN
from unrolled.cells.coupled import CoupledLSTM
from unrolled.cells.elman import Elman
from unrolled.cells.fastgrnn import FastGRNN
from unrolled.cells.gru import GRU
from unrolled.cells.gru_cho import GRUCho2014
from unrolled.cells.gru_d import GRUD
from unrolled.cells.highway import RecurrentHighway
from unrolled.cells.indrnn import IndRNN
from unrolled.cells.irnn import IRNN
from unrolled.cells.janet import JANET
from unrolled.cells.jordan import Jordan
from unrolled.cells.layer_norm import LayerNormLSTM
from unrolled.cells.lem import LEM
from unrolled.cells.light_ru import LightRU
from unrolled.cells.ligru import LiGRU
from unrolled.cells.lmu import LMU
from unrolled.cells.lru import LRU
from unrolled.cells.lstm import LSTM
from unrolled.cells.ltc import LTC
from unrolled.cells.mgu import MGU
from unrolled.cells.min_gru import MinGRU
from unrolled.cells.min_lstm import MinLSTM
from unrolled.cells.multiplicative import MultiplicativeLSTM
from unrolled.cells.mut import MUT1, MUT2, MUT3
from unrolled.cells.nas import NAS
from unrolled.cells.peephole import PeepholeLSTM
from unrolled.cells.phased_lstm import PhasedLSTM
from unrolled.cells.projected import ProjectedLSTM
from unrolled.cells.rg_lru import RGLRU
from unrolled.cells.slstm import SLSTM
from unrolled.cells.sru import SRU
from unrolled.cells.star import STAR
from unrolled.cells.ugrnn import UGRNN
from unrolled.cells.unicornn import UnICORNN

__all__ = [
    "BRC",
    "GRU",
    "GRUD",
    "IRNN",
    "JANET",
    "LEM",
    "LMU",
    "LRU",
    "LSTM",
    "LTC",
    "MGU",
    "MUT1",
    "MUT2",
    "MUT3",
    "NAS",
    "NBRC",
    "RGLRU",
    "SLSTM",
    "SRU",
    "STAR",
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
    "LightRU",
    "MinGRU",
    "MinLSTM",
    "MultiplicativeLSTM",
    "PeepholeLSTM",
    "PhasedLSTM",
    "ProjectedLSTM",
    "RecurrentHighway",
    "UnICORNN",
]
