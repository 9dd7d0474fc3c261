"""Data: a file or `builtin:NAME` goes in; sequences, labels and sentences about them come out.

From the file upwards: `opening` (bytes: compression, encoding), `tables` (rows and columns), then
one reader for each kind of job: `texts` (texts with labels), `series` (numeric series with labels),
`timeseries` (series to forecast), `corpus` (running text). `sources` chooses between a file and
`builtin`. Next to them `vocabulary`, `splits`, `windows` and `tokens`, which the tasks build on.
Nothing is left out, filled or cut in silence: `Notes` counts it, and says so in a sentence.
"""
