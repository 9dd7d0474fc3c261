"""The jobs of the command line, one for each task. In: a name. Out: a `CommandJob`; next: `train`.

`train`, `evaluate` and `predict` are the same for every task, except for how data are read, which
estimator is fitted, and how its predictions are printed. These parts are here, one file per task.
"""

from unrolled.cli.jobs.caption import CaptionCommand
from unrolled.cli.jobs.classify import ClassifyCommand
from unrolled.cli.jobs.compose import ComposeCommand
from unrolled.cli.jobs.forecast import ForecastCommand
from unrolled.cli.jobs.generate import GenerateCommand
from unrolled.cli.jobs.job import CommandJob
from unrolled.cli.jobs.regress import RegressCommand
from unrolled.cli.jobs.tag import TagCommand
from unrolled.cli.jobs.transcribe import TranscribeCommand
from unrolled.cli.jobs.translate import TranslateCommand
from unrolled.training.manifest import NotARun
from unrolled.training.run_folder import RunFolder

JOBS: dict[str, CommandJob] = {
    job.name: job
    for job in (
        CaptionCommand(),
        ClassifyCommand(),
        ComposeCommand(),
        ForecastCommand(),
        GenerateCommand(),
        RegressCommand(),
        TagCommand(),
        TranscribeCommand(),
        TranslateCommand(),
    )
}


def of_run(run: RunFolder) -> CommandJob:
    """The job of an existing run."""
    task = run.config().get("task")
    if not isinstance(task, str) or task not in JOBS:
        raise NotARun(f"{run.path} is a run of {task!r:.60}; this version knows {', '.join(JOBS)}")
    return JOBS[task]
