"""Measurements side by side with peers: every time stands beside a checked result.

A suite (`suites`) sets problems (`problem`), lets contestants solve each (`peers`), checks that
they agree (`parity`), times them in turns (`rounds`) and hands over records (`record`). `summary`
holds them against the goals; `tables` and `picture` show them.
"""
