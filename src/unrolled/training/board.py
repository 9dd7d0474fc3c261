"""Metrics for TensorBoard, on request. In: the record of an epoch. Out: an event file in the run.

Next: `tensorboard --logdir RUN` shows it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

FOLDER = "tensorboard"


def write_figures(run: Path, record: dict[str, Any]) -> None:
    """Write every metric of an epoch, as `train/loss` and so on, at the epoch's step."""
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(run / FOLDER), filename_suffix=f".{record['step']}") as writer:
        for name, value in record.items():
            part, _, figure = name.partition("_")
            if part in ("train", "validation", "test"):
                writer.add_scalar(f"{part}/{figure}", value, record["step"])
        writer.add_scalar("lr", record["lr"], record["step"])
