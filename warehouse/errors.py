"""Errors that a person reads: what is wrong, where, and the mend."""


class RapportError(Exception):
    """The data or the run failed (exit code 1). The message says what, where and the mend."""


class UsageError(RapportError):
    """The call itself is wrong (exit code 2)."""
