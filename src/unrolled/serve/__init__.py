"""Runs over HTTP: `unrolled serve`.

A request goes through `guard` (token, size, patience), `app` (routes), `questions` (what a task is
asked, checked), `batching` (requests that arrive together are one batch) and the run's own
estimator. `sessions` takes one value at a time; `runs` loads and reloads; `workers` starts
processes and replaces those that end; `channel` lets them speak with one another.
"""
