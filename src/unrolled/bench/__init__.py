"""Benchmarks against other libraries: every time is that of a checked result.

A suite (`suites`) sets problems (`problem`), lets contestants solve each (`peers`), checks that
they agree (`parity`), interleaves their timings (`rounds`) and returns records (`record`). `goals`
compares them with the goals; `tables` and `picture` show them.
"""
