"""How many tokens a text counts for in generated transcripts: one for every four characters."""

CHARS_PER_TOKEN = 4


def tokens_of(text: str) -> int:
    """Tokens of a text: its length in characters over four, rounded up."""
    return -(-len(text) // CHARS_PER_TOKEN)
