"""What more than one task is made of: cells by name, the recurrent part, an estimator's parameters.

In: a task's choices. Out: modules and checked parameters; next: the tasks beside this folder.
"""
