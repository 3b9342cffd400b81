"""Reading Claude Code's files: knows the format, knows no Dagster."""
