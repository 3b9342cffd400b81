"""What of Claude Code lies around its transcripts: its settings, its hooks, its clean-up."""
