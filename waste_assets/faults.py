"""What a person can mend: told in one sentence, never as a traceback."""


class Fault(Exception):
    """Something is wrong with what was given; the message says what to do."""
