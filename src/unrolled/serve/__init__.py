"""Runs over HTTP: `unrolled serve`.

A request passes through `guard` (token, size, timeouts), `app` (routes), `questions` (validation),
`batching` (simultaneous requests form a batch) and the run's estimator. `sessions` handles streams
of single values; `runs` loads and reloads runs; `workers` starts processes and replaces those that
end; `channel` connects the processes.
"""
