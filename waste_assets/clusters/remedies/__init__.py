"""What to change, ready to copy: a catalogue by rule and cause, filled with words of findings."""
