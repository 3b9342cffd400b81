"""Take secrets, e-mail addresses and home directories out of text, and say what was taken.

Texts that leave the machine or enter the BI tables go through here first, whole: a text that was
cut before may begin or end in the middle of a secret, where nothing marks it as one.
"""

from waste_assets.redaction.redact import redact, redact_all, without_secrets

__all__ = ["redact", "redact_all", "without_secrets"]
