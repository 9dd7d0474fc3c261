"""Torch modules that several tasks build their networks from; one idea in each file.

In: layers and cells. Out: modules; next: `tasks`.
"""
