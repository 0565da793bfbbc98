"""One module per step; each is named after its revision.

While replicas are replaced one after the other, programs with and without a step work side by side.
So each step says in ``oldest_reader`` from which revision on programs can go on beside it:

- Its own revision: none that does not know it. The step waits until all those have ended.
- An earlier one: they go on, and may be started again. The step may then *expand* only, and a test
  looks at it: tables, indexes that are not unique, and columns that may be null or have a default
  of the server. What is stored in the columns that were there keeps its form and its meaning, too.

To rename, to remove or to demand something takes two releases, therefore: the first one expands and
writes both, the second one *contracts*, and its ``oldest_reader`` is the step of the first.

An older program that edits a record writes the columns which it knows, and those whole: a field
that is added to what a column holds is lost then. What must outlive that is a column of its own.
"""
