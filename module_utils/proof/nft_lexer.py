"""Cuts nftables text into tokens that remember their line."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .problem import CannotProve

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r]+|\\\n|\#[^\n]*)
      | (?P<newline>\n)
      | (?P<string>"[^"\n]*")
      | (?P<mark>!=|==|<=|>=|[{}(),;=<>&|!^])
      | (?P<word>[^\s{}(),;=<>&|!^"\#]+)""",
    re.VERBOSE,
)
END = "\n"


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a mark or a string (``text`` without its quotes) and its line, counted from 1."""

    text: str
    line: int
    quoted: bool = False


def tokens(text: str, where: str) -> list[Token]:
    """Return the tokens of a ruleset; line ends and semicolons both become ``END``. Raises ``CannotProve``."""
    found: list[Token] = []
    line, at = 1, 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise CannotProve(where, line, text[at : at + 20], "this is no nftables text")
        at, kind, word = match.end(), match.lastgroup, match.group()
        if kind == "newline" or word == ";":
            found.append(Token(END, line))
        elif kind == "string":
            found.append(Token(word[1:-1], line, quoted=True))
        elif kind != "space":
            found.append(Token(word, line))
        line += word.count("\n")
    found.append(Token(END, line))
    return found
