"""A corpus of the size of a published audit, and what the audit of it costs."""
