"""Cuts lines of sshd_config into words as OpenSSH does (misc.c: strdelim, argv_split)."""

from __future__ import annotations

_SPACE = " \t\r\n"
_BREAKS = _SPACE + '"='


def split_keyword(line: str) -> tuple[str, str]:
    """Return a line's keyword and the rest; both are empty for a blank line, the rest where there is none."""
    keyword, rest = _delimited(line)
    return _delimited(rest) if not keyword and rest else (keyword, rest)


def _delimited(text: str) -> tuple[str, str]:
    at = next((i for i, c in enumerate(text) if c in _BREAKS), None)
    if at is None:
        return text, ""
    if text[at] == '"':
        joined = text[:at] + text[at + 1 :]
        end = joined.find('"', at)
        return ("", "") if end < 0 else (joined[:end], joined[end + 1 :].lstrip(_SPACE))
    equals = text[at] == "="
    rest = text[at + 1 :].lstrip(_SPACE)
    if not equals and rest.startswith("="):
        rest = rest[1:].lstrip(_SPACE)
    return text[:at], rest


def split_arguments(text: str) -> tuple[str, ...]:
    """Return the arguments of a line; a ``#`` that starts one begins a comment. Raises ``ValueError`` for open quotes."""
    words: list[str] = []
    at = 0
    while at < len(text):
        if text[at] in " \t":
            at += 1
        elif text[at] == "#":
            break
        else:
            word, at = _argument(text, at)
            words.append(word)
    return tuple(words)


def _argument(text: str, at: int) -> tuple[str, int]:
    word, quote = "", ""
    while at < len(text):
        char, after = text[at], text[at + 1 : at + 2]
        if char == "\\" and after and (after in "'\"\\" or (not quote and after == " ")):
            word, at = word + after, at + 2
            continue
        if not quote and char in " \t":
            break
        if not quote and char in "'\"":
            quote = char
        elif quote and char == quote:
            quote = ""
        else:
            word += char
        at += 1
    if quote:
        raise ValueError(text)
    return word, at
