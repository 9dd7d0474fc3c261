"""A density over chords, key by key from low to high.

    p(v | h, before) = product over i of p(v_i | v_1 ... v_{i-1}, h, before)

A neural autoregressive density estimator (Larochelle & Murray 2011) conditioned on a recurrent
network (Boulanger-Lewandowski et al. 2012). Each key has two more inputs: the keys around it in the
previous step and the lower keys of this step, both relative to its position, so that an interval is
learned once for all keys. In: h (N, H), the previous step (N, 2, K), the keys (N, K). Out: scores
(N, K) of sounding, and of being struck again. Next: `tasks.compose`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

REACH = 16  # keys on each side in the previous step
BELOW = 24  # lower keys of this step, as intervals


class PitchChain(nn.Module):
    """Scores of each key, given the lower ones."""

    def __init__(self, keys: int, context: int, units: int) -> None:
        super().__init__()
        self.keys = keys
        self.around = nn.Conv1d(2, units, 2 * REACH + 1, padding=REACH)
        self.from_context = nn.Linear(context, units, bias=False)
        self.place = nn.Parameter(torch.zeros(keys, units))  # embedding of the key
        self.lower = nn.Parameter(torch.randn(keys, units) * 0.05)  # W of NADE
        self.intervals = nn.Parameter(torch.randn(BELOW, units) * 0.05)
        self.second = nn.Linear(units, units)
        self.readout = nn.Linear(units, 2)
        self.of_key = nn.Parameter(torch.zeros(keys, units))  # contribution of a key to the readout
        self.bias = nn.Parameter(torch.zeros(keys))
        self.direct = nn.Linear(context, keys, bias=False)
        nn.init.zeros_(self.direct.weight)

    def forward(self, context: Tensor, before: Tensor, keys: Tensor) -> tuple[Tensor, Tensor]:
        """The scores of all keys at once, for known keys."""
        taken = keys.unsqueeze(2) * self.lower
        sums = taken.cumsum(1) - taken
        padded = nn.functional.pad(keys, (BELOW, 0))[:, :-1].unsqueeze(1)
        near = nn.functional.conv1d(padded, self.intervals.flip(0).T.unsqueeze(1))
        units = self.base(context, before) + sums + near.transpose(1, 2)
        return self.scores(units, self.direct(context), slice(None))

    def base(self, context: Tensor, before: Tensor) -> Tensor:
        """The part that does not depend on the keys of this step: (N, K, units)."""
        around = self.around(before).transpose(1, 2)
        found: Tensor = around + self.from_context(context).unsqueeze(1) + self.place
        return found

    def one(self, key: int, base: Tensor, direct: Tensor, keys: Tensor) -> tuple[Tensor, Tensor]:
        """The scores (N,) of one key, from the lower ones in `keys`."""
        units = base[:, key] + keys[:, :key] @ self.lower[:key]
        low = max(0, key - BELOW)
        if low < key:  # the nearest lower key meets the first row
            units = units + keys[:, low:key].flip(1) @ self.intervals[: key - low]
        sounding, struck = self.scores(units.unsqueeze(1), direct[:, key : key + 1], [key])
        return sounding[:, 0], struck[:, 0]

    def scores(
        self, units: Tensor, direct: Tensor, which: slice | list[int]
    ) -> tuple[Tensor, Tensor]:
        first = torch.relu(units)
        units = torch.relu(self.second(first)) + first
        found = self.readout(units)
        own = (units * self.of_key[which]).sum(2)
        return found[..., 0] + own + self.bias[which] + direct, found[..., 1]
