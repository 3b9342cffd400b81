"""Runs of Dagster's on several machines: who starts them, who does them, who waits for whom."""
