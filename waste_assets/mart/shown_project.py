"""A project as it is published: home directories are nobody's business."""

import re

_HOME = r"^(/home/[^/]+|/Users/[^/]+|/root|[A-Za-z]:\\Users\\[^\\]+)"
#: The same for SQL.
SHOWN_PROJECT = f"CREATE TEMP MACRO shown_project(path) AS regexp_replace(path, '{_HOME}', '~')"


def shown_project(path: str) -> str:
    """The path of a directory, with the home directory that it lies in as `~`."""
    return re.sub(_HOME, "~", path, count=1)
