"""Training: a job goes in; fitted weights, metrics and checkpoints come out. Independent of tasks.

`loop.train(job, settings, ...)` is the loop, on one page; read it first. A `Job` (job.py) is what
a task passes in. The loop calls everything else here, at the step that each module is named after:
`optimizers`, `schedules`, `clipping`, `diagnosis`, `checkpoints`, `clock`, `progress`. Results are
stored in a `RunFolder`. Next: `report` shows it, `tasks` use it.
"""
