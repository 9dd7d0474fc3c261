"""Torch modules shared by the networks of several tasks; one idea in each file.

In: layers and cells. Out: modules; next: `tasks`.
"""
