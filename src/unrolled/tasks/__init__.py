"""Tasks: one whole job each, from raw input to predictions, with scikit-learn's interface.

In: what a person has (texts and labels, a series, a book). Out: a fitted model and its run folder;
next: `cli`. A task is a folder: its estimator, its model, its job (which `training.loop` runs) and
its page. Beside the folders lies what several tasks share, by name.
"""
