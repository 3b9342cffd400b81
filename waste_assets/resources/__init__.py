"""What the assets work with: the data root, the sources, Dagster's own event log."""
