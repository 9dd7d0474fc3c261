"""Reports. In: blocks. Out: a self-contained HTML page and its figures. Independent of tasks.

A page consists of `blocks`: prose, equations, code, tables, figures, questions. `figures` defines
the plots, `drawing` turns them into SVG, `page` renders and writes everything. It needs no script
and no network: equations become MathML (`mathml`), prose has simple markup (`markup`), code is
colored by `highlight`. Next: `tasks` and `labs`.
"""
