"""What an embedded server cannot do for its caller."""


class EmbeddedError(Exception):
    """An embedded server cannot be started or stopped; the message says what to do about it."""
