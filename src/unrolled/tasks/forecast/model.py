"""The network of forecasts. In: inputs, what is known ahead. Out: quantiles; next: the loss.

    inputs -> recurrent layers -> for each step ahead: (state, what is known of it) -> quantiles

It forecasts at every step of the series, not only at the last, so that one pass over a series gives
the forecasts of all origins (Wen et al. 2017). A straight path from the inputs to all quantiles
stands beside the recurrent one, so that what grows in the inputs beyond anything seen grows in the
forecast too (Lai et al. 2018). Quantiles are sorted, so that they never cross (Chernozhukov et al.
2010).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from unrolled.cells.choosing import ChosenCell
from unrolled.networks.recurrent import make_recurrent

CONTEXT = 16  # numbers that the state gives to each step ahead


class ForecastNetwork(nn.Module):
    """Quantiles of the distance from the anchor, for each step ahead."""

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
            nn.init.zeros_(weight)  # at first it forecasts the anchor

    @torch.no_grad()
    def begin_at(self, quantiles: Any) -> None:
        """Let it forecast, at first, these distances from the anchor, whatever it is told.

        Otherwise the first thing that it learns is that spread, the fastest way to which is to
        drive all units of the state to their ends, where nothing moves them again.
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
    """The loss of which the quantiles are the best answers (Koenker and Bassett 1978).

    forecast (..., Q), target (...); the mean over the quantiles, twice, so that the median's is the
    absolute error.
    """
    error = target[..., None] - forecast
    return 2 * torch.maximum(quantiles * error, (quantiles - 1) * error).mean(-1)
