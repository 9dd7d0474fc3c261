"""Equations as data, and passes over them. In: a step, as the user wrote it.
Out: `equation.Equation`, with its derivatives, printed forms and plain data; next: `engines`.
"""
