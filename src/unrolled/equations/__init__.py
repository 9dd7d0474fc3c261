"""What a cell becomes: an equation as data, and passes over it. In: a step, as the user wrote it.
Out: `equation.Equation`, with its derivatives, printed forms and plain data; next: `engines`.
"""
