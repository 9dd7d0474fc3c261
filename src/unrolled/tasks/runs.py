"""Opens a run of any task. In: the folder of a run. Out: its fitted estimator.

Next: code that works with any run, such as `unrolled.export`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import unrolled
from unrolled.training.manifest import NotARun
from unrolled.training.run_folder import RunFolder

ESTIMATORS = {
    "caption": "Captioner",
    "classify": "Classifier",
    "compose": "Composer",
    "forecast": "Forecaster",
    "generate": "Generator",
    "regress": "Regressor",
    "tag": "Tagger",
    "transcribe": "Transcriber",
    "translate": "Translator",
}


def open_run(path: str | Path) -> Any:
    """Load the estimator of a run."""
    run = RunFolder.open(path)
    task = run.config().get("task")
    if task not in ESTIMATORS:
        known = ", ".join(ESTIMATORS)
        raise NotARun(f"{run.path} is a run of {task!r}; supported are: {known}")
    return getattr(unrolled, ESTIMATORS[task]).load(run.path)
