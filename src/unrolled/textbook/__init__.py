"""Recurrent networks written out by hand in NumPy: every number can be inspected.

Four files are complete networks, each to be read from top to bottom: `elman`, `deep` (layers),
`lstm` and `gru`. The others do the same for any cell, one part each: `readout` and `cell` (one time
step), `sequence` (through time and back), `network` (layers and loss), `losses`, `clipping`,
`optimizers`, `schedules`, `fitting` (training), `prediction` and `characters` (generation),
`checking`.
"""

from unrolled.textbook import deep, elman, gru, lstm, schedules
from unrolled.textbook.cell import Cache, StepGradients, cell_backward, cell_forward
from unrolled.textbook.characters import Alphabet, CharacterModel, Windows, learn_text
from unrolled.textbook.checking import gradient_errors, numerical_gradients
from unrolled.textbook.clipping import clip_by_norm, clip_by_value, global_norm
from unrolled.textbook.fitting import Batches, History, fit, update
from unrolled.textbook.losses import accuracy, cross_entropy, mean_squared_error, softmax
from unrolled.textbook.network import Evaluation, Network
from unrolled.textbook.optimizers import (
    SGD,
    AdaGrad,
    Adam,
    AdamW,
    Momentum,
    Nesterov,
    Optimizer,
    RMSprop,
)
from unrolled.textbook.prediction import generate_symbols, generate_values, one_hot, predict_next
from unrolled.textbook.readout import Readout
from unrolled.textbook.sequence import Gradients, Trace, backward, forward

__all__ = [
    "SGD",
    "AdaGrad",
    "Adam",
    "AdamW",
    "Alphabet",
    "Batches",
    "Cache",
    "CharacterModel",
    "Evaluation",
    "Gradients",
    "History",
    "Momentum",
    "Nesterov",
    "Network",
    "Optimizer",
    "RMSprop",
    "Readout",
    "StepGradients",
    "Trace",
    "Windows",
    "accuracy",
    "backward",
    "cell_backward",
    "cell_forward",
    "clip_by_norm",
    "clip_by_value",
    "cross_entropy",
    "deep",
    "elman",
    "fit",
    "forward",
    "generate_symbols",
    "generate_values",
    "global_norm",
    "gradient_errors",
    "gru",
    "learn_text",
    "lstm",
    "mean_squared_error",
    "numerical_gradients",
    "one_hot",
    "predict_next",
    "schedules",
    "softmax",
    "update",
]
