"""Reports: blocks go in, one self-contained HTML page and its figures come out. Knows no task.

A page is built from the `blocks`: prose, equations, code, tables, figures, questions. `figures`
says what is drawn, `drawing` turns it into SVG, `page` renders everything and writes it. No script,
no network: equations become MathML (`mathml`), prose has a few marks (`markup`), code is coloured
by `highlight`. Who comes before: `training`; who uses it: `tasks` and `labs`.
"""
