"""Data readers. In: a file or `builtin:NAME`. Out: sequences, labels, and notes about them.

From low level to high: `opening` (bytes: compression, encoding), `tables` (rows and columns), then
one reader for each kind of job: `texts` (texts with labels), `series` (numeric series with labels),
`timeseries` (series to forecast), `corpus` (running text). `sources` chooses between a file and
`builtin`. Next to them `vocabulary`, `splits`, `windows` and `tokens`, which the tasks build on.
Whatever is left out, filled or truncated is counted and reported in a sentence by `Notes`.
"""
