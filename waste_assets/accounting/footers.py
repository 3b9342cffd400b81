"""Notes in the footers of the turns: read by all stages after them, without what made the turns."""

#: What they were made from, whose they are, how many.
INPUTS, SESSIONS, RESPONSES = "waste.inputs", "waste.sessions", "waste.responses"
