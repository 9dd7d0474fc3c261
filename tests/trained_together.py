"""Small trainings of several tasks: in one process, or the same in each of several. In: a folder.

Out: the history of each; next: `tests/unit/tasks/test_processes.py`, and the processes it starts.
"""

import json
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from tests.figures import draw_figures
from tests.made_up import opinions
from unrolled.tasks.classify.classifier import Classifier
from unrolled.tasks.forecast.forecaster import Forecaster
from unrolled.tasks.generate.generator import Generator
from unrolled.training.fabric import is_first_process

SERIES = np.sin(np.arange(150) / 7) + np.arange(150) % 7
SEASONAL = {"horizon": 5, "season": 7, "window": 16, "batch_size": 3, "patience": None, "hidden": 9}


def histories(folder: Path) -> dict[str, Any]:
    def shared(task: str) -> dict[str, Any]:
        return {"hidden": 9, "epochs": 2, "dropout": 0.0, "out": str(folder / task)}

    texts, labels = opinions(61)
    models = {
        "classify": Classifier(**shared("classify"), batch_size=4).fit(texts, labels),
        "forecast": Forecaster(**SEASONAL | shared("forecast")).fit(SERIES),
        "generate": Generator(**shared("generate"), window=16, batch_size=3).fit(" ".join(texts)),
    }
    build = Forecaster._build
    noise = np.random.default_rng(0).normal(size=150)
    with mock.patch.object(Forecaster, "_build", lambda self: build(self).double()):
        model = Forecaster(**SEASONAL, epochs=6, lr=0.01)
        models["float64"] = model.fit(SERIES + 0.3 * noise)
    return {task: model.history_ for task, model in models.items()}


if __name__ == "__main__":
    draw_figures(False)
    found = histories(Path(sys.argv[1]))
    if is_first_process():
        print(json.dumps(found))
