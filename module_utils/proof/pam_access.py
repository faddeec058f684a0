"""Evaluates access.conf as pam_access does, with all the ways in which it fails open.

Source: pam_access.c of linux-pam 1.5.2 and 1.7.0 (Debian 12 and 13); the module itself is the judge in the tests.
What the two releases see differently is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address

from ..fabric.model import Address, Family
from .accounts import User
from .decisions import Decision
from .intervals import FULL, Range, Ranges, block, family_of
from .problem import CannotProve

_SEPARATORS = " ,\t"
_LONGEST = 8190
"""Bytes of a line that fit into 1.5.2's buffer with its line end; the rest of a longer one is read as another line."""
_NO, _YES, _ALL = 0, 1, 2


@dataclass(frozen=True, slots=True, eq=False)
class AccessRule:
    """A line that pam_access acts on: whether it ``allows``, whom it is for and from where."""

    line: int
    text: str
    allows: bool
    users: tuple[str, ...]
    origins: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AccessFile:
    """The lines of a file that count, and those that are passed over (``ignored``: line number and why)."""

    where: str
    rules: tuple[AccessRule, ...]
    ignored: tuple[tuple[int, str], ...]


@lru_cache(maxsize=4096)
def parse_access(text: str, where: str = "access.conf") -> AccessFile:
    """Return what pam_access makes of a file. Raises ``CannotProve`` where releases differ or names are looked up."""
    rules, ignored = [], []
    *lines, last = text.split("\n")
    for number, line in enumerate(lines, 1):
        if not line or line.startswith("#"):
            continue
        if len(line.encode()) > _LONGEST:
            raise CannotProve(where, number, line[:40], "the line is longer than pam_access reads at a time")
        stripped = line.rstrip(" \t\n\r\v\f")
        if not stripped:
            continue
        rule = _rule(number, stripped, where)
        if isinstance(rule, str):
            ignored.append((number, rule))
        else:
            rules.append(rule)
    if last and not last.startswith("#"):
        ignored.append((len(lines) + 1, "the last line has no line end"))
    return AccessFile(where, tuple(rules), tuple(ignored))


def decide(file: AccessFile, user: User, address: Address, plain_groups: bool = True) -> Decision:
    """Return whether pam_access lets ``user`` from ``address`` pass, and the line (or the lack of one) that decides."""
    for rule in file.rules:
        if _list_match(iter(rule.users), lambda word: _user_match(word, user, plain_groups)) and _list_match(
            iter(rule.origins), lambda word: _origin_match(word, address)
        ):
            return Decision(rule.allows, f"{file.where}:{rule.line} {rule.text}")
    return Decision(True, f"{file.where}: no line matches, and pam_access then lets pass")


def admitted(file: AccessFile, user: User, family: Family, plain_groups: bool = True) -> Ranges:
    """Return all addresses from which pam_access lets ``user`` pass."""
    left, passed = FULL[family], Ranges()
    for rule in file.rules:
        if _list_match(iter(rule.users), lambda word: _user_match(word, user, plain_groups)):
            hit = left & _origins(rule, family)
            left = left - hit
            if rule.allows:
                passed = passed | hit
    return passed | left


def _rule(number: int, line: str, where: str) -> AccessRule | str:
    perm, users, origins = _three_fields(line)
    if not origins:
        return "the line has fewer than three fields"
    if perm[0] not in "+-":
        return "the line begins with neither + nor -"
    rule = AccessRule(number, line, line[0] == "+", _words(users), _words(origins))
    for word in rule.users:
        if "@" in word or word.isdigit():
            raise CannotProve(where, number, line, f"{word}: netgroups, hosts and numbers of users aren't judged")
    for word in rule.origins:
        _check_origin(word, where, number, line)
    return rule


def _three_fields(line: str) -> tuple[str, str, str]:
    """Part a line as strtok does: runs of colons count as one, but the third field is all that is left."""
    fields = []
    rest = line
    for _turn in range(2):
        rest = rest.lstrip(":")
        field, _unused, rest = rest.partition(":")
        fields.append(field)
    if not fields[0] or not fields[1]:
        return "", "", ""
    return fields[0], fields[1], rest


def _words(text: str) -> tuple[str, ...]:
    for separator in _SEPARATORS:
        text = text.replace(separator, " ")
    return tuple(word for word in text.split(" ") if word)


def _check_origin(word: str, where: str, number: int, line: str) -> None:
    if word.upper() in ("ALL", "LOCAL", "NONE", "EXCEPT"):
        return
    base, slash, mask = word.partition("/")
    try:
        ip_address(base)
    except ValueError:
        reason = f"{word} is no address: names are looked up, and parts of addresses compared as text; write a CIDR block"
        raise CannotProve(where, number, line, reason) from None
    if slash and not (mask.isdigit() and str(int(mask)) == mask):
        raise CannotProve(where, number, line, f"write {word} with the length of its prefix")


def _list_match(words: Iterator[str], match: Callable[[str], int]) -> int:
    found = _NO
    for word in words:
        if word.upper() == "EXCEPT":
            break
        found = match(word)
        if found:
            break
    if not found:
        return _NO
    for word in words:
        if word.upper() == "EXCEPT":
            return _NO if _list_match(words, match) else _YES
    return found


def _user_match(word: str, user: User, plain_groups: bool) -> int:
    if word.startswith("(") and word.endswith(")"):
        return _YES if word[1:-1] in user.groups else _NO
    if word.upper() == "ALL":
        return _ALL
    if word.lower() == user.name.lower():
        return _YES
    return _YES if plain_groups and word in user.groups else _NO


def _origin_match(word: str, address: Address) -> int:
    if word.upper() == "ALL":
        return _ALL
    if word.upper() in ("LOCAL", "NONE"):
        return _NO
    found = _range(word)
    return _YES if found and found[0] == family_of(address) and found[1][0] <= int(address) <= found[1][1] else _NO


@lru_cache(maxsize=65536)
def _range(word: str) -> tuple[Family, Range] | None:
    """Return what a word of the third field covers; a prefix of length 0 covers its one address only, as in the code."""
    base, slash, mask = word.partition("/")
    address = ip_address(base)
    if slash and int(mask) > address.max_prefixlen:
        return None
    if slash and int(mask) == 0:
        return block(base)
    return block(word)


@lru_cache(maxsize=65536)
def _origins(rule: AccessRule, family: Family) -> Ranges:
    """Return the addresses that a rule's third field covers: a list, less the list behind EXCEPT, and so on."""
    lists: list[list[Range]] = [[]]
    for word in rule.origins:
        if word.upper() == "EXCEPT":
            lists.append([])
        elif word.upper() == "ALL":
            lists[-1].extend(FULL[family].parts)
        elif word.upper() not in ("LOCAL", "NONE"):
            found = _range(word)
            if found and found[0] == family:
                lists[-1].append(found[1])
    covered = Ranges()
    for parts in reversed(lists):
        covered = Ranges.of(parts) - covered
    return covered
