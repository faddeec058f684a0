"""The one error of the proof: a text that can't be read with certainty."""

from __future__ import annotations


class CannotProve(Exception):  # noqa: N818 - it is the proof's answer, "cannot prove", rather than a fault of the program
    """An artefact holds something whose effect isn't known for certain.

    ``where`` names the artefact (and what it belongs to), ``line`` counts from 1 (0: the whole), ``text`` is what
    stands there, ``reason`` says why it can't be judged and what would be judged.
    """

    def __init__(self, where: str, line: int, text: str, reason: str) -> None:
        """Keep the parts; the message is one sentence made of them."""
        self.where, self.line, self.text, self.reason = where, line, text, reason
        place = f"{where}:{line}" if line else where
        super().__init__(f"{place}: cannot prove {text!r}: {reason}")
