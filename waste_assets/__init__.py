"""waste_assets: find the tokens of Claude Code that buy nothing."""

__version__ = "0.1.0"
