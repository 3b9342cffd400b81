"""What Claude Code answers when a tool call fails: results for `is_error=True`."""

FILE_NOT_READ = (
    "<tool_use_error>File has not been read yet. "
    "Read it first before writing to it.</tool_use_error>"
)
FILE_CHANGED = (
    "<tool_use_error>File has been modified since read, either by the user or by a linter. "
    "Read it again before attempting to write it.</tool_use_error>"
)
NO_MATCH = "<tool_use_error>String to replace not found in file.\nString: {old}</tool_use_error>"
NOT_UNIQUE = (
    "<tool_use_error>Found 3 matches of the string to replace, but replace_all is false. "
    "To replace only one occurrence, please provide more context.</tool_use_error>"
)
NO_FILE = "File does not exist. Note: your current working directory is {cwd}."
UNKNOWN_TOOL = "<tool_use_error>Error: No such tool available: {name}</tool_use_error>"
BAD_INPUT = (
    "<tool_use_error>InputValidationError: {name} failed due to the following issue:\n"
    "An unexpected parameter `limit` was provided</tool_use_error>"
)
SIBLING = "<tool_use_error>Cancelled: parallel tool call Bash errored</tool_use_error>"
REJECTED = (
    "The user doesn't want to proceed with this tool use. The tool use was rejected. "
    "STOP what you are doing and wait for the user to tell you how to proceed."
)
UNCHANGED = (
    "Wasted call — file unchanged since your last Read. Refer to that earlier tool_result instead."
)
"""Not an error: the answer to a Read of a file that did not change."""
BROWSER_IN_USE = (
    "Error: Browser is already in use for /home/dev/.cache/ms-playwright/mcp-chrome-4f1c, "
    "use --isolated to run multiple instances of the same browser"
)
NO_DOCKER = (
    "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. "
    "Is the docker daemon running?"
)
