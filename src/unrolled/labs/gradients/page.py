"""What the page shows. In: the numbers of a run. Out: sections; next: `words` talks about them."""

from __future__ import annotations

import numpy as np

from unrolled.cells import LSTM, Elman
from unrolled.cells.base import equation
from unrolled.labs.gradients import measure
from unrolled.labs.gradients.measure import BATCH, CLIP, FAST, RADII, SLOW, WILD, Measured, final
from unrolled.report.blocks import Code, Figure, Math, Prose, Table, code_of
from unrolled.report.figures import curves, gradient_by_lag, heat_map
from unrolled.report.numbers import bmatrix, number

AIM = """
To measure how the derivative of the loss with respect to the state changes from step to step on
its way back through time: when does it vanish, when does it explode, what do gates change, and
what does clipping cure? Every claim below is measured in this run.
"""


def theory() -> list[Prose | Math]:
    return [
        Prose("The simple recurrent network, as unrolled prints it from its definition:"),
        Math(equation(Elman).latex, "elman"),
        Prose(
            "and its backward step, which unrolled derives. It takes $\\delta h_t$, the derivative "
            "of the loss with respect to the state after step $t$, to the one before:"
        ),
        Math(equation(Elman).backward.latex, "elman-backward"),
        Prose(
            "So one step back is a product with $U^{\\top}$ and with the slope of the tanh, "
            "$1 - h_t^2 \\le 1$. Over $k$ steps there are $k$ such products, and therefore "
            "(Bengio, Simard & Frasconi 1994; Pascanu, Mikolov & Bengio 2013)"
        ),
        Math(
            r"\left\|\frac{\partial L}{\partial h_{T-k}}\right\| \le "
            r"\left(\sigma_{\max}(U) \, \max_t (1 - h_t^2)\right)^{k} "
            r"\left\|\frac{\partial L}{\partial h_T}\right\|",
            "bound",
            "The bound. $\\sigma_{\\max}$ is the largest singular value; in the long run and "
            "without the tanh, the spectral radius $\\rho(U)$, the largest absolute eigenvalue, "
            "decides.",
        ),
        Prose(
            "Three predictions follow. With $\\rho(U) < 1$ the derivative should vanish like "
            "$\\rho^k$; with $\\rho(U) > 1$ it can explode, unless the tanh prevents it; and a "
            "cell "
            "whose state is carried over by a gate should do better. The LSTM is"
        ),
        Math(equation(LSTM).latex, "lstm"),
        Prose(
            "and its backward step, derived, ends with $\\delta c_{t-1} = \\delta c_t \\odot f_t$:"
        ),
        Math(equation(LSTM).backward.latex, "lstm-backward"),
        Prose(
            "Along the cell state, one step back is a product with the forget gate alone (the path "
            "through $h$ adds to it). The prediction: the factor per step is the mean of $f$."
        ),
    ]


def steps(measured: Measured) -> list[Prose | Math | Table]:
    return [*_by_hand(measured), *_slopes(measured)]


def _by_hand(measured: Measured) -> list[Prose | Math | Table]:
    """The algorithm, and one step of it with two units."""
    example = measured.pencil
    slopes = 1 - example.h**2
    return [
        Prose(
            "1. Run the network forward over a random sequence, and keep every state.\n"
            "2. Let the loss depend on the last state alone: $L = \\delta^{\\top} h_T$ with a "
            "random "
            "$\\delta$ of length one. So the norm at lag 0 is exactly 1.\n"
            "3. Go back through time, one derived step after another, and record the norm of "
            "$\\delta h_{T-k}$ for each lag $k$.\n"
            f"4. Take the median over {BATCH} sequences, and the slope of its logarithm over the "
            "lags: the *factor* by which one step back multiplies the norm.\n\n"
            "One such step with two units, small enough to follow by hand. The recurrent matrix "
            "and "
            "the last state of this run are"
        ),
        Math(
            f"U = {bmatrix(example.u)}, \\quad h_T = {bmatrix(example.h)}, \\quad "
            f"\\delta h_T = {bmatrix(example.d_h)}"
        ),
        Prose("and the slope of the tanh follows from $h_T$. Then"),
        Math(
            r"\begin{aligned}"
            rf"1 - h_T^2 &= {bmatrix(slopes)} \\"
            rf"\delta h_T \odot (1 - h_T^2) &= {bmatrix(example.d_h * slopes)} \\"
            rf"\delta h_{{T-1}} = U^{{\top}} (\delta h_T \odot (1 - h_T^2)) "
            rf"&= {bmatrix(example.d_before)}"
            r"\end{aligned}",
            "by-hand",
            f"Its norm is {number(float(np.linalg.norm(example.d_before)))}, after "
            f"{number(float(np.linalg.norm(example.d_h)))} one step later. The library's own "
            "backward step gave the last line; the two above it are worked out by hand.",
        ),
    ]


def _slopes(measured: Measured) -> list[Prose | Math | Table]:
    """The derivative held against a finite difference."""
    rows = [
        [name, number(exact, 6), number(difference, 6)]
        for name, (exact, difference) in measured.slopes.items()
    ]
    return [
        Prose(
            "Is the backward pass correct? A derivative is a slope, and a slope can be "
            "measured: the "
            f"first unit of a state {min(10, measured.lags)} steps back is moved by 0.00001 up "
            "and down, and the change of the loss is compared."
        ),
        Table(
            "slopes",
            "The same derivative twice: through time, and as a finite difference.",
            ["cell", "backpropagation", "finite difference"],
            rows,
        ),
    ]  # fmt: skip


def code() -> list[Prose | Code]:
    return [
        Prose("The measurement is a forward pass, a backward pass, and norms:"),
        code_of(measure.by_lag),
        Prose("The spectral radius, and how it is set:"),
        code_of(measure.spectral_radius),
        code_of(measure.rescale),
    ]


def result(measured: Measured) -> list[Prose | Figure | Table]:
    return [
        Prose(scale_words(measured)),
        *_simple(measured),
        *_gated(measured),
        *training(measured),
    ]


def _simple(measured: Measured) -> list[Figure | Table]:
    """The simple network at every scale."""
    return [
        Figure(
            "elman-lags",
            "The simple network at six recurrent scales",
            gradient_by_lag(
                {f"ρ = {one.radius:g}": one.norms for one in measured.scaled["Elman"]},
                y_label="‖∂L/∂h‖ (at lag 0: 1)",
            ),
            "Lines that fall or rise almost straight on a logarithmic axis, steeper for smaller "
            "spectral radius.",
            "Straight lines on a logarithmic axis: each step back multiplies by about the same "
            "factor.",
        ),
        Table(
            "elman-factors",
            "The simple network: the factor for one step back, against what the theory says of "
            "the matrix alone.",
            ["spectral radius", "largest singular value (the bound)", "measured factor",
             f"norm at lag {measured.lags}"],
            [[f"{one.radius:g}", one.largest_singular, one.factor, one.norms[-1]]
             for one in measured.scaled["Elman"]],
        ),
    ]  # fmt: skip


def _gated(measured: Measured) -> list[Figure | Table]:
    """Every cell, and the LSTM by its forget gate."""
    return [
        Figure(
            "cells",
            "Each cell as it is first drawn, and the LSTM's forget bias",
            [
                gradient_by_lag(measured.untouched, y_label="‖∂L/∂state‖", title="Cells"),
                gradient_by_lag(
                    {f"b_f = {one.bias:g}": one.norms for one in measured.forgetting},
                    y_label="‖∂L/∂c‖",
                    title="LSTM, by the bias of its forget gate",
                ),
            ],
            "Two families of falling lines; the more open the forget gate, the flatter.",
            "Left: weights as drawn by the library. Right: an open forget gate carries the "
            "derivative on.",
        ),
        Figure(
            "factors",
            "The factor for one step back, by cell and recurrent scale",
            heat_map(
                [[one.factor for one in row] for row in measured.scaled.values()],
                x_label="spectral radius of each recurrent matrix", y_label="cell",
                unit="factor per step",
                columns=[f"{radius:g}" for radius in RADII],
                rows=list(measured.scaled),
                center=1.0,
                show_values=True,
            ),
            "A table of colours; below one the derivative vanishes, above one it explodes.",
            "White is 1: the derivative is neither lost nor blown up.",
        ),
        Table(
            "forget",
            "The LSTM's forget gate: how open it is (geometric mean over the run), and the factor "
            "by which the derivative with respect to $c$ changes at each step back.",
            ["bias of the forget gate", "mean of f", "measured factor", "factor / mean of f"],
            [[f"{one.bias:g}", one.open, one.factor, one.factor / one.open]
             for one in measured.forgetting],
        ),
    ]  # fmt: skip


def scale_words(measured: Measured) -> str:
    return (
        f"Every cell has {measured.hidden} units and reads {measured.lags} steps of noise. Its "
        "recurrent matrices are scaled to one spectral radius after another."
    )


def training(measured: Measured) -> list[Prose | Figure | Table]:
    runs = {
        f"rate {FAST:g}": measured.wild,
        f"rate {FAST:g}, clipped at {CLIP:g}": measured.clipped,
        f"rate {SLOW:g}": measured.slow,
    }
    return [
        Prose(
            f"Then a simple network with $\\rho(U) = {WILD:g}$ learns the mean of its inputs over "
            f"{measured.lags // 2} steps by plain gradient descent, with and without clipping the "
            f"norm of the whole gradient at {CLIP:g}."
        ),
        Figure(
            "training",
            "The loss, and the norm of the gradient before clipping",
            [
                curves({name: smooth(one.losses) for name, one in runs.items()},
                       x_label="update", y_label="loss (squared error)", log_y=True,
                       title="Loss, mean of ten updates"),
                curves({name: one.norms for name, one in runs.items()},
                       x_label="update", y_label="norm of the gradient", log_y=True,
                       title="Norm of the gradient"),
            ],
            "Loss and gradient norm of three training runs.",
            "A spike on the right is a wall in the landscape; what it does to the loss is on the "
            "left.",
        ),
        Table(
            "runs",
            "The three runs: the loss is the mean of the last tenth of the updates.",
            ["run", "final loss", "worst loss", "median norm", "largest norm", "updates clipped"],
            [[name, final(one), max(one.losses), float(np.median(one.norms)), max(one.norms),
              one.clipped] for name, one in runs.items()],
        ),
    ]  # fmt: skip


def smooth(values: list[float], width: int = 10) -> tuple[list[float], list[float]]:
    """The mean of each `width` values, and where it stands."""
    width = min(width, len(values))
    means = np.convolve(values, np.full(width, 1 / width), "valid")
    return list(np.arange(len(means)) + width), list(means)
