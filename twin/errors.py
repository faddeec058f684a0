"""The one exception that users of the twin get to read."""

from __future__ import annotations


class TwinError(Exception):
    """Something the user can act on, told in one sentence: what, where, what to do."""
