"""Whether ssh would believe a host's next key: from what ``ssh -G`` says, and the lines that its known hosts have. No I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from .fields import Fields

_PORT = "22"
_KEY = 2  # words of a key


@dataclass(frozen=True)
class Looked:
    """Where ssh looks a host up: by this name, in these files; ``principal`` is what a certificate has to be for."""

    name: str
    principal: str
    files: tuple[str, ...]


def looked_up(settings: str, home: str, directory: str = "/") -> Looked:
    """Return where ssh looks, from the output of ``ssh -G``, for a user with this home who runs it in this directory."""
    words = {line.partition(" ")[0]: line.partition(" ")[2] for line in settings.splitlines()}
    host, port = words.get("hostname", ""), words.get("port", _PORT)
    alias = words.get("hostkeyalias", "")
    name = alias or (host if port == _PORT else f"[{host}]:{port}")
    files = f"{words.get('userknownhostsfile', '')} {words.get('globalknownhostsfile', '')}".split()
    there = (f"{home}{file[1:]}" if file.startswith("~/") else file for file in files if file not in ("none", "/dev/null"))
    return Looked(name, alias or host, tuple(str(PurePosixPath(directory, file)) for file in there))


def authority_of(found: Fields, key: str, principal: str, now: float) -> str:
    """Return who signed a certificate; nothing where ssh would not go by it: of another key, for others, or not in date."""
    good = found.key == key and principal in found.principals and found.begins <= now < found.ends
    return found.authority if good else ""


def believes(lines: Iterable[str], key: str, authority: str = "") -> bool:
    """Return whether lines that are about the host (``ssh-keygen -F``) make ssh believe ``key``.

    ``authority`` is the key that signed a certificate of it, where the host will show one that is good.
    """
    found = [line.split() for line in lines if line.strip() and not line.startswith("#")]
    if any(words[0] == "@revoked" and _key(words) == key for words in found):
        return False
    plainly = any(not words[0].startswith("@") and _key(words) == key for words in found)
    return plainly or any(words[0] == "@cert-authority" and authority and _key(words) == authority for words in found)


def with_next(text: str, current: str, following: str, marker: str = "") -> str:
    """Return known hosts with a line for the next key behind each that has the one in use.

    Only lines with this ``marker`` count, such as ``@cert-authority``; without one those that have none.
    """
    lines = text.splitlines()
    have = {_names(line) for line in lines if _is_of(line, following, marker)}
    made: list[str] = []
    for line in lines:
        made.append(line)
        if _is_of(line, current, marker) and _names(line) not in have:
            made.append(f"{_names(line)} {following}")
    return "".join(f"{line}\n" for line in made)


def without(text: str, old: str, marker: str = "") -> str:
    """Return known hosts without lines of a key that have this ``marker``."""
    return "".join(f"{line}\n" for line in text.splitlines() if not _is_of(line, old, marker))


def _is_of(line: str, key: str, marker: str) -> bool:
    words = line.split()
    return _key(words) == key and not line.startswith("#") and (words[0] if words[0].startswith("@") else "") == marker


def _names(line: str) -> str:
    """Return what stands before the key: the names, behind a marker where there is one."""
    words = line.split()
    return " ".join(words[: 2 if words[0].startswith("@") else 1])


def _key(words: list[str]) -> str:
    at = 2 if words and words[0].startswith("@") else 1
    return " ".join(words[at : at + _KEY])
