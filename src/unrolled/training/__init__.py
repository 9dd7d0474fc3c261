"""Training: a job goes in, its fitted weights, metrics and checkpoints come out. Knows no task.

`loop.train(job, settings, ...)` is the loop, on one page; read it first. A `Job` (job.py) is what
a task hands in. Everything else here is called by the loop at the place where its name says:
`optimizers`, `schedules`, `clipping`, `diagnosis`, `checkpoints`, `clock`, `progress`; what is kept
is a `RunFolder`. Next: `report` shows it, `tasks` use it.
"""
