"""Loss functions. In: outputs and targets. Out: losses and derivatives.

Outputs have the axes (T, K, B): time, output units, batch. A loss function returns one number for
each time step, averaged over the batch; the loss of a sequence is their sum over time. It also
returns the derivative of that sum with respect to every output, where backpropagation starts; next:
`sequence.backward`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from unrolled.errors import ArgumentError

Array = np.ndarray
Loss = Callable[[Array, Array], tuple[Array, Array]]


def softmax(outputs: Array) -> Array:
    """p_k = exp(y_k) / sum_j exp(y_j), over the axis of the units (the last but one)."""
    # the largest output is subtracted first: the result is the same, and exp cannot overflow
    exponentials = np.exp(outputs - outputs.max(axis=-2, keepdims=True))
    shares: Array = exponentials / exponentials.sum(axis=-2, keepdims=True)
    return shares


def cross_entropy(outputs: Array, targets: Array) -> tuple[Array, Array]:
    """L_t = -log p[target_t], averaged over the batch; its derivative is p_t - one_hot(t).

    `targets` holds one class number for each time step and sequence: (T, B).
    """
    _check_classes(outputs, targets)
    batch = outputs.shape[2]
    times, rows = np.indices(targets.shape)
    shifted = outputs - outputs.max(axis=1, keepdims=True)
    logarithms = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    losses = -logarithms[times, targets, rows].mean(axis=1)
    d_outputs = np.exp(logarithms)
    d_outputs[times, targets, rows] -= 1.0
    return losses, d_outputs / batch


def mean_squared_error(outputs: Array, targets: Array) -> tuple[Array, Array]:
    """L_t = mean over units and batch of (y_t - target_t)^2; `targets` are laid out like y."""
    if targets.shape != outputs.shape:
        raise ArgumentError(
            f"mean_squared_error compares outputs of shape {outputs.shape} with targets of shape "
            f"{targets.shape}: give one target for every output, with the axes (time, units, batch)"
        )
    difference = outputs - targets
    count = outputs.shape[1] * outputs.shape[2]
    return (difference**2).mean(axis=(1, 2)), 2.0 * difference / count


def accuracy(outputs: Array, targets: Array) -> float:
    """The share of time steps and sequences in which the largest output is that of the target."""
    _check_classes(outputs, targets)
    return float((outputs.argmax(axis=1) == targets).mean())


LOSSES: dict[str, Loss] = {
    "cross_entropy": cross_entropy,
    "mean_squared_error": mean_squared_error,
}


def find_loss(name: str) -> Loss:
    if name not in LOSSES:
        raise ArgumentError(f"there is no loss called {name!r}: write one of {', '.join(LOSSES)}")
    return LOSSES[name]


def _check_classes(outputs: Array, targets: Array) -> None:
    steps, classes, batch = outputs.shape
    if targets.shape != (steps, batch):
        raise ArgumentError(
            f"cross_entropy got outputs of shape {outputs.shape} and targets of shape "
            f"{targets.shape}: give one class number for each time step and sequence, "
            f"an array of shape {(steps, batch)}"
        )
    if not np.issubdtype(targets.dtype, np.integer):
        raise ArgumentError(
            f"cross_entropy needs class numbers, whole numbers from 0 to {classes - 1}, and got "
            f"{targets.dtype}: convert them with targets.astype(int), or use mean_squared_error"
        )
    if targets.size and not (targets.min() >= 0 and targets.max() < classes):
        raise ArgumentError(
            f"cross_entropy found the class numbers {targets.min()} to {targets.max()}, and the "
            f"network has {classes} outputs: number the classes from 0 to {classes - 1}, or give "
            f"the network output_size={int(targets.max()) + 1}"
        )
