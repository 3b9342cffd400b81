"""The kinds of questions: the modules of this folder that have a `TASK`."""
