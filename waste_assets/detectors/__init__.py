"""One file a category of waste, each with its rule; a new detector is a new file here.

A module that has a `DETECTOR` takes part. It looks at one whole session at a time.
"""
