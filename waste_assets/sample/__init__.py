"""Made-up Claude Code transcripts, and the exact truth about them."""

from waste_assets.sample.conversation import Conversation, conversation
from waste_assets.sample.generate import generate
from waste_assets.sample.truth import Day, Response, Truth

__all__ = ["Conversation", "Day", "Response", "Truth", "conversation", "generate"]
