"""Printers of an equation for other runtimes: a NumPy script, C, JavaScript, ONNX.

In: an equation, weights. Out: text (or a graph) that runs without unrolled. One walk over the
equation serves them all (`formulas`, and `loops` for languages without vectors); a dialect says how
each operation is written.
"""
