"""Graded exercises: a task is read, an answer is run, and what came of it is said.

A check takes this way: :mod:`.magic` (in the notebook) asks :mod:`.tasks` for the task
and :mod:`.runner` to run the answer; the runner starts one process below
:mod:`labkit.supervised`, in which pytest runs the task's tests with the fixtures of
:mod:`.fixtures`; :mod:`.feedback` finds the words, and :mod:`labkit.logbook` keeps the
points.
"""
