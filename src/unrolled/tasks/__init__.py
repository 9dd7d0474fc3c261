"""Tasks: complete jobs from raw input to predictions, with scikit-learn's interface.

In: the user's data (texts and labels, a series, a book). Out: a fitted model and its run folder;
next: `cli`. Each task is a folder with its estimator, model, job (run by `training.loop`) and page.
The modules beside the folders are shared by several tasks.
"""
