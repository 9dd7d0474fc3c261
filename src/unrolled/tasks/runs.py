"""Open a run, whatever its task. In: the folder of a run. Out: its estimator, fitted.

Next: whoever is given a run and not told what it does, `unrolled.export`, say.
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
    """The estimator that a run holds."""
    run = RunFolder.open(path)
    task = run.config().get("task")
    if task not in ESTIMATORS:
        known = ", ".join(ESTIMATORS)
        raise NotARun(f"{run.path} is a run of {task!r}; what can be opened here is: {known}")
    return getattr(unrolled, ESTIMATORS[task]).load(run.path)
