"""The network of a forecaster. In: inputs, known future. Out: quantiles; next: the loss.

    inputs -> recurrent layers -> for each step ahead: (state, its known features) -> quantiles

It forecasts at every step of the series, so that one pass over a series gives the forecasts of all
origins (Wen et al. 2017). A linear skip connection from the inputs to all quantiles lets the
forecast follow inputs beyond the range of the training data (Lai et al. 2018). Quantiles are
sorted, so that they never cross (Chernozhukov et al. 2010).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from unrolled.cells.choosing import ChosenCell
from unrolled.networks.recurrent import make_recurrent

CONTEXT = 16  # features of the state for each step ahead


class ForecastNetwork(nn.Module):
    """Quantiles of the difference from the anchor, for each step ahead."""

    def __init__(
        self,
        cell: ChosenCell,
        inputs: int,
        ahead: int,
        horizon: int,
        quantiles: int,
        *,
        hidden: int,
        layers: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.horizon = horizon
        self.drop = nn.Dropout(dropout)
        self.recurrent = make_recurrent(cell, inputs, hidden, layers, False, dropout)
        self.context = nn.Linear(hidden, horizon * CONTEXT)
        self.known = nn.Linear(ahead, CONTEXT)
        self.readout = nn.Linear(CONTEXT, quantiles)
        self.straight = nn.Linear(inputs, horizon)
        self.straight_known = nn.Parameter(torch.zeros(horizon, ahead))
        for weight in (*self.readout.parameters(), *self.straight.parameters()):
            nn.init.zeros_(weight)  # initially it forecasts the anchor

    @torch.no_grad()
    def begin_at(self, quantiles: Any) -> None:
        """Initialize the forecast to these differences from the anchor, for any input.

        Otherwise training first learns that spread, most quickly by saturating all units of the
        state, from which they do not recover.
        """
        self.readout.bias.copy_(torch.as_tensor(quantiles))

    def forward(self, x: Tensor, ahead: Tensor, states: Any = None) -> tuple[Tensor, Any]:
        """(T, B, inputs) and (T, B, horizon, ahead) to (T, B, horizon, quantiles) and states."""
        y, states = self.recurrent(x, states)
        return self.heads(x, y, ahead), states

    def heads(self, x: Tensor, y: Tensor, ahead: Tensor) -> Tensor:
        """The forecasts from inputs and from outputs of the recurrent layers."""
        place = self.straight(x) + (ahead * self.straight_known).sum(-1)
        context = self.context(self.drop(y)).unflatten(-1, (self.horizon, CONTEXT))
        merged = torch.tanh(context + self.known(ahead))
        quantiles: Tensor = (place[..., None] + self.readout(merged)).sort(-1).values
        return quantiles


def pinball(forecast: Tensor, target: Tensor, quantiles: Tensor) -> Tensor:
    """The loss that is minimized by the quantiles (Koenker and Bassett 1978).

    forecast (..., Q), target (...); twice the mean over the quantiles, so that the loss of the
    median is the absolute error.
    """
    error = target[..., None] - forecast
    return 2 * torch.maximum(quantiles * error, (quantiles - 1) * error).mean(-1)
