"""Recurrent networks, unrolled: write the equation, get the network.

This module holds the public names and nothing else. `NAMES` says where each one lives, and a name
is imported when it is first asked for: `import unrolled` itself loads only the standard library.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from unrolled._version import __version__ as __version__

if TYPE_CHECKING:
    from unrolled.cells.base import Cell as Cell
    from unrolled.cells.base import equation as equation
    from unrolled.cells.modified import modify as modify
    from unrolled.equations.equation import Equation as Equation
    from unrolled.equations.functions import abs as abs
    from unrolled.equations.functions import clip_gradient as clip_gradient
    from unrolled.equations.functions import concat as concat
    from unrolled.equations.functions import cos as cos
    from unrolled.equations.functions import elu as elu
    from unrolled.equations.functions import exp as exp
    from unrolled.equations.functions import eye as eye
    from unrolled.equations.functions import floor as floor
    from unrolled.equations.functions import gelu as gelu
    from unrolled.equations.functions import hardsigmoid as hardsigmoid
    from unrolled.equations.functions import hardtanh as hardtanh
    from unrolled.equations.functions import leaky_relu as leaky_relu
    from unrolled.equations.functions import log as log
    from unrolled.equations.functions import max as max
    from unrolled.equations.functions import maximum as maximum
    from unrolled.equations.functions import mean as mean
    from unrolled.equations.functions import min as min
    from unrolled.equations.functions import minimum as minimum
    from unrolled.equations.functions import relu as relu
    from unrolled.equations.functions import sigmoid as sigmoid
    from unrolled.equations.functions import sign as sign
    from unrolled.equations.functions import silu as silu
    from unrolled.equations.functions import sin as sin
    from unrolled.equations.functions import softmax as softmax
    from unrolled.equations.functions import softplus as softplus
    from unrolled.equations.functions import split as split
    from unrolled.equations.functions import sqrt as sqrt
    from unrolled.equations.functions import sum as sum
    from unrolled.equations.functions import tanh as tanh
    from unrolled.equations.functions import where as where
    from unrolled.errors import ArgumentError as ArgumentError
    from unrolled.errors import CellError as CellError
    from unrolled.errors import EquationError as EquationError
    from unrolled.errors import GradientError as GradientError
    from unrolled.errors import LoopWarning as LoopWarning
    from unrolled.errors import MissingExtra as MissingExtra
    from unrolled.errors import ShapeError as ShapeError
    from unrolled.errors import UnrolledError as UnrolledError
    from unrolled.errors import UsageError as UsageError
    from unrolled.exports.export import export as export
    from unrolled.layers.convert import convert as convert
    from unrolled.layers.drop_in import GRU as GRU
    from unrolled.layers.drop_in import LSTM as LSTM
    from unrolled.layers.drop_in import RNN as RNN
    from unrolled.layers.drop_in_cells import GRUCell as GRUCell
    from unrolled.layers.drop_in_cells import LSTMCell as LSTMCell
    from unrolled.layers.drop_in_cells import RNNCell as RNNCell
    from unrolled.layers.fixed import fixed_weights as fixed_weights
    from unrolled.layers.recurrent import Recurrent as Recurrent
    from unrolled.proof import check_gradients as check_gradients
    from unrolled.tasks.caption.captioner import Captioner as Captioner
    from unrolled.tasks.classify.classifier import Classifier as Classifier
    from unrolled.tasks.classify.regressor import Regressor as Regressor
    from unrolled.tasks.compose.composer import Composer as Composer
    from unrolled.tasks.forecast.forecaster import Forecaster as Forecaster
    from unrolled.tasks.generate.generator import Generator as Generator
    from unrolled.tasks.tag.tagger import Tagger as Tagger
    from unrolled.tasks.transcribe.transcriber import Transcriber as Transcriber
    from unrolled.tasks.translate.translator import Translator as Translator

# Public name -> the module it is defined in. Each also stands under TYPE_CHECKING above, for
# editors; none may be the name of a module, or importing that module would replace it.
NAMES = {
    "Cell": "unrolled.cells.base",
    "equation": "unrolled.cells.base",
    "modify": "unrolled.cells.modified",
    "check_gradients": "unrolled.proof",
    "Equation": "unrolled.equations.equation",
    "abs": "unrolled.equations.functions",
    "clip_gradient": "unrolled.equations.functions",
    "concat": "unrolled.equations.functions",
    "cos": "unrolled.equations.functions",
    "exp": "unrolled.equations.functions",
    "elu": "unrolled.equations.functions",
    "floor": "unrolled.equations.functions",
    "gelu": "unrolled.equations.functions",
    "hardsigmoid": "unrolled.equations.functions",
    "hardtanh": "unrolled.equations.functions",
    "silu": "unrolled.equations.functions",
    "eye": "unrolled.equations.functions",
    "leaky_relu": "unrolled.equations.functions",
    "log": "unrolled.equations.functions",
    "max": "unrolled.equations.functions",
    "maximum": "unrolled.equations.functions",
    "mean": "unrolled.equations.functions",
    "min": "unrolled.equations.functions",
    "minimum": "unrolled.equations.functions",
    "relu": "unrolled.equations.functions",
    "sigmoid": "unrolled.equations.functions",
    "sign": "unrolled.equations.functions",
    "sin": "unrolled.equations.functions",
    "softmax": "unrolled.equations.functions",
    "softplus": "unrolled.equations.functions",
    "split": "unrolled.equations.functions",
    "sqrt": "unrolled.equations.functions",
    "sum": "unrolled.equations.functions",
    "tanh": "unrolled.equations.functions",
    "where": "unrolled.equations.functions",
    "export": "unrolled.exports.export",
    "convert": "unrolled.layers.convert",
    "fixed_weights": "unrolled.layers.fixed",
    "Recurrent": "unrolled.layers.recurrent",
    "RNN": "unrolled.layers.drop_in",
    "GRU": "unrolled.layers.drop_in",
    "LSTM": "unrolled.layers.drop_in",
    "RNNCell": "unrolled.layers.drop_in_cells",
    "GRUCell": "unrolled.layers.drop_in_cells",
    "LSTMCell": "unrolled.layers.drop_in_cells",
    "ArgumentError": "unrolled.errors",
    "CellError": "unrolled.errors",
    "EquationError": "unrolled.errors",
    "GradientError": "unrolled.errors",
    "LoopWarning": "unrolled.errors",
    "MissingExtra": "unrolled.errors",
    "ShapeError": "unrolled.errors",
    "UnrolledError": "unrolled.errors",
    "UsageError": "unrolled.errors",
}

# Jobs, which need the packages that training needs: a plain `import *` does without them.
JOBS = {
    "Captioner": "unrolled.tasks.caption.captioner",
    "Classifier": "unrolled.tasks.classify.classifier",
    "Composer": "unrolled.tasks.compose.composer",
    "Forecaster": "unrolled.tasks.forecast.forecaster",
    "Generator": "unrolled.tasks.generate.generator",
    "Regressor": "unrolled.tasks.classify.regressor",
    "Tagger": "unrolled.tasks.tag.tagger",
    "Transcriber": "unrolled.tasks.transcribe.transcriber",
    "Translator": "unrolled.tasks.translate.translator",
}

# Words of a step that Python has, too: `import *` leaves Python's own where they are.
HIDING = {"abs", "max", "min", "sum"}

__all__ = [*sorted(NAMES.keys() - HIDING), "__version__"]


def __getattr__(name: str) -> Any:
    module = NAMES.get(name) or JOBS.get(name)
    if module is None:
        raise _unknown(name)
    if name in JOBS:
        from unrolled.errors import extras

        with extras(f"unrolled.{name}"):
            value = getattr(import_module(module), name)
    else:
        value = getattr(import_module(module), name)
    globals()[name] = value
    return value


def _unknown(name: str) -> AttributeError | ImportError:
    """What is wrong with a name. `from unrolled import name` would put a sentence of its own in the
    place of an AttributeError's, so there it is an ImportError."""
    if name.startswith("_"):
        return AttributeError(f"module 'unrolled' has no attribute {name!r}")
    import dis
    import sys

    from unrolled.spelling import instead_of

    frame = sys._getframe(2)
    code = frame.f_code.co_code
    is_import = frame.f_lasti >= 0 and code[frame.f_lasti] == dis.opmap["IMPORT_FROM"]
    hint = instead_of(name, [*NAMES, *JOBS])
    sentence = f"unrolled has no {name!r}" + (f": {hint}" if hint else "")
    return (ImportError if is_import else AttributeError)(sentence, name=name)


def __dir__() -> list[str]:
    return sorted([*__all__, *HIDING, *JOBS])
