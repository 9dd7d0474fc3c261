"""Tasks: one whole job each, from raw input to predictions, with scikit-learn's face.

In: what a person has (texts and labels, a series, a book). Out: a fitted model and its run folder;
next: `cli`. A task hands `training.loop` a job and asks nobody else to know it. What tasks share
(the recurrent part of a network, the parameters of every estimator) is in `parts`.
"""
