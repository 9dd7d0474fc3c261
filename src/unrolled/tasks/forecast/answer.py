"""What a forecaster says of one series. In: times, quantiles. Out: `Forecast`; next: `forecaster`,
`stream`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Forecast:
    """What comes after the end of one series."""

    name: str
    times: Any  # (H,)
    median: Any  # (H,)
    quantiles: Any  # (H, Q)
    levels: list[float]
