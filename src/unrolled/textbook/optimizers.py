"""Optimizers. In: weights and gradients by name. Out: changed weights.

Each optimizer is its published rule, written for one weight; `Optimizer` applies it to all weights
in place. The state of an optimizer (a velocity, a mean of squares) is in `memory`, by the name of
the weight, where it can be inspected.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from unrolled.errors import ArgumentError

Array = np.ndarray


@dataclass
class Optimizer:
    """The base class: `rule(w, g, memory)` returns the increment of each weight w."""

    learning_rate: float = 0.01
    steps: int = field(default=0, init=False)
    memory: dict[str, dict[str, Array]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.learning_rate > 0:
            raise ArgumentError(f"a learning rate is a positive number, not {self.learning_rate!r}")

    def step(self, weights: Mapping[str, Array], gradients: Mapping[str, Array]) -> None:
        """Changes the weights in place."""
        self.steps += 1
        for name, weight in weights.items():
            memory = self.memory.setdefault(name, {})
            weight += self.rule(weight, gradients[name], memory)

    def rule(self, w: Array, g: Array, memory: dict[str, Array]) -> Array:
        raise NotImplementedError(f"{type(self).__name__} has no rule for its steps")


def _recall(memory: dict[str, Array], name: str, like: Array) -> Array:
    """The array remembered under this name; zeros the first time."""
    return memory.setdefault(name, np.zeros_like(like))


@dataclass
class SGD(Optimizer):
    """w <- w - lr g   (stochastic gradient descent)"""

    def rule(self, w: Array, g: Array, memory: dict[str, Array]) -> Array:
        return -self.learning_rate * g


@dataclass
class Momentum(Optimizer):
    """v <- mu v + g;  w <- w - lr v   (Polyak 1964)"""

    momentum: float = 0.9

    def rule(self, w: Array, g: Array, memory: dict[str, Array]) -> Array:
        memory["v"] = v = self.momentum * _recall(memory, "v", w) + g
        change: Array = -self.learning_rate * v
        return change


@dataclass
class Nesterov(Optimizer):
    """v <- mu v + g;  w <- w - lr (g + mu v)   (Nesterov 1983, as Sutskever et al. 2013 use it)"""

    momentum: float = 0.9

    def rule(self, w: Array, g: Array, memory: dict[str, Array]) -> Array:
        memory["v"] = v = self.momentum * _recall(memory, "v", w) + g
        change: Array = -self.learning_rate * (g + self.momentum * v)
        return change


@dataclass
class AdaGrad(Optimizer):
    """s <- s + g^2;  w <- w - lr g / (sqrt(s) + eps)   (Duchi, Hazan & Singer 2011)"""

    epsilon: float = 1e-10

    def rule(self, w: Array, g: Array, memory: dict[str, Array]) -> Array:
        memory["s"] = s = _recall(memory, "s", w) + g**2
        change: Array = -self.learning_rate * g / (np.sqrt(s) + self.epsilon)
        return change


@dataclass
class RMSprop(Optimizer):
    """s <- a s + (1 - a) g^2;  w <- w - lr g / (sqrt(s) + eps)   (Tieleman & Hinton 2012)"""

    decay: float = 0.99
    epsilon: float = 1e-8

    def rule(self, w: Array, g: Array, memory: dict[str, Array]) -> Array:
        memory["s"] = s = self.decay * _recall(memory, "s", w) + (1 - self.decay) * g**2
        change: Array = -self.learning_rate * g / (np.sqrt(s) + self.epsilon)
        return change


@dataclass
class Adam(Optimizer):
    """m <- b1 m + (1 - b1) g;  s <- b2 s + (1 - b2) g^2;  w <- w - lr m^ / (sqrt(s^) + eps)

    m^ = m / (1 - b1^t) and s^ = s / (1 - b2^t) correct the bias of the start from zero
    (Kingma & Ba 2015).
    """

    learning_rate: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def rule(self, w: Array, g: Array, memory: dict[str, Array]) -> Array:
        memory["m"] = m = self.beta1 * _recall(memory, "m", w) + (1 - self.beta1) * g
        memory["s"] = s = self.beta2 * _recall(memory, "s", w) + (1 - self.beta2) * g**2
        m_hat = m / (1 - self.beta1**self.steps)
        s_hat = s / (1 - self.beta2**self.steps)
        return -self.learning_rate * m_hat / (np.sqrt(s_hat) + self.epsilon)


@dataclass
class AdamW(Adam):
    """Adam, and each weight also shrinks by lr * decay * w   (Loshchilov & Hutter 2019)"""

    weight_decay: float = 0.01

    def rule(self, w: Array, g: Array, memory: dict[str, Array]) -> Array:
        shrink = self.learning_rate * self.weight_decay
        return super().rule(w, g, memory) - shrink * w


OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "sgd": SGD,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "adagrad": AdaGrad,
    "rmsprop": RMSprop,
    "adam": Adam,
    "adamw": AdamW,
}


def find_optimizer(name: str, **settings: float) -> Optimizer:
    """`find_optimizer("adam", learning_rate=0.01)`: an optimizer by its name."""
    if name.lower() not in OPTIMIZERS:
        raise ArgumentError(
            f"there is no optimizer called {name!r}: write one of {', '.join(OPTIMIZERS)}"
        )
    return OPTIMIZERS[name.lower()](**settings)
