"""Reads sshd_config as sshd does, and gives the settings in force for one login.

Rules (servconf.c of OpenSSH 9.2 and 10.0, ``sshd -T -C`` is the judge in the tests): keywords ignore case; the first
value of a keyword wins, but lists of ``AllowUsers`` and its like append; everything after a ``Match`` line belongs to
it up to the next one or the end of the file; a value from any matching block beats the global one wherever it stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from ..fabric.model import Address
from .problem import CannotProve
from .ssh_patterns import has_host_bits, is_network, match_address, match_list, match_pattern
from .ssh_words import split_arguments, split_keyword
from .sshd_keywords import ALIASES, APPENDING, CHOICES, DEFAULTS, FLAGS, GLOBAL_ONLY, KEYWORDS, WHOLE_LINE

_CRITERIA = ("user", "group", "host", "address", "localaddress", "localport", "rdomain")
_DEPTH = 16


@dataclass(frozen=True, slots=True)
class Login:
    """Who knocks where: user, the user's groups on the host, the address seen, the port and address reached."""

    user: str
    groups: frozenset[str]
    address: Address
    port: int = 22
    local_address: Address | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """The criteria of one ``Match`` line, all of which must hold. ``all`` has none."""

    line: int
    text: str
    criteria: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Setting:
    """One line: ``keyword`` in small letters, its arguments and the blocks it stands in (none: global)."""

    line: int
    text: str
    keyword: str
    arguments: tuple[str, ...]
    blocks: tuple[Block, ...]


@dataclass(frozen=True, eq=False)
class Value:
    """A setting in force: its arguments, and the lines it comes from (none: sshd's default)."""

    arguments: tuple[str, ...]
    lines: tuple[Setting, ...] = ()

    @property
    def first(self) -> str:
        """Return the first argument in small letters, or nothing."""
        return self.arguments[0].lower() if self.arguments else ""

    @cached_property
    def by_user(self) -> dict[str, list[tuple[str, Setting]]]:
        """Return (hosts, line) of each ``user@hosts`` pattern by the user's pattern; hosts are ``*`` without an ``@``."""
        found: dict[str, list[tuple[str, Setting]]] = {}
        for line in self.lines:
            for argument in line.arguments:
                user, at, hosts = argument.partition("@")
                found.setdefault(user, []).append((hosts if at else "*", line))
        return found

    def for_user(self, name: str) -> list[tuple[str, Setting]]:
        """Return (hosts, line) of the patterns that are about a user."""
        wild = [user for user in self._wild if match_pattern(name, user)]
        return [*self.by_user.get(name, ()), *(p for user in wild for p in self.by_user[user])]

    @cached_property
    def _wild(self) -> tuple[str, ...]:
        return tuple(user for user in self.by_user if "*" in user or "?" in user)


Chain = tuple[Block, ...]


@dataclass(frozen=True, slots=True, eq=False)
class SshdConfig:
    """A parsed configuration. ``where`` names the artefact in messages, ``chains`` are the blocks that settings stand in."""

    where: str
    settings: tuple[Setting, ...]
    by_keyword: Mapping[str, tuple[Setting, ...]]
    chains: tuple[Chain, ...]
    memo: dict[tuple[str, frozenset[Chain]], Value] = field(default_factory=dict)

    def value(self, keyword: str, login: Login) -> Value:
        """Return what ``keyword`` (small letters) is for ``login``, sshd's default where nothing is set.

        Raises ``CannotProve`` where a block asks for something that a login doesn't tell.
        """
        return self.under(keyword, self.holding(login))

    def holding(self, login: Login) -> frozenset[Chain]:
        """Return the chains of blocks that hold for a login."""
        return frozenset(chain for chain in self.chains if all(self._holds(block, login) for block in chain))

    def under(self, keyword: str, holding: frozenset[Chain]) -> Value:
        """Return what ``keyword`` is while these chains of blocks hold."""
        key = (keyword, holding)
        if key not in self.memo:
            self.memo[key] = self._under(keyword, holding)
        return self.memo[key]

    def _under(self, keyword: str, holding: frozenset[Chain]) -> Value:
        lines = self.by_keyword.get(keyword, ())
        matched = tuple(s for s in lines if s.blocks and s.blocks in holding)
        for chosen in (matched, tuple(s for s in lines if not s.blocks)):
            if chosen and keyword in APPENDING:
                return Value(tuple(a for s in chosen for a in s.arguments), chosen)
            if chosen:
                return Value(chosen[0].arguments, chosen[:1])
        return Value(DEFAULTS.get(keyword, ()))

    def is_on(self, keyword: str, login: Login) -> bool:
        """Return whether a yes/no keyword is ``yes`` for ``login``."""
        return self.value(keyword, login).first == "yes"

    def global_values(self, keyword: str) -> tuple[str, ...]:
        """Return all arguments of a keyword outside of blocks, such as ports; the default where there are none."""
        found = tuple(a for s in self.by_keyword.get(keyword, ()) if not s.blocks for a in s.arguments)
        return found or DEFAULTS.get(keyword, ())

    def address_patterns(self) -> Iterator[tuple[Block, str]]:
        """Yield each address list of a Match line, with its block."""
        for block in dict.fromkeys(block for chain in self.chains for block in chain):
            yield from ((block, value) for name, value in block.criteria if name in ("address", "host"))

    def _holds(self, block: Block, login: Login) -> bool:
        return all(self._criterion(block, name, value, login) for name, value in block.criteria)

    def _criterion(self, block: Block, name: str, value: str, login: Login) -> bool:
        if name == "user":
            return match_list(login.user, value) == 1
        if name == "group":
            return match_groups(login.groups, value)
        if name == "address":
            return match_address(login.address, value) == 1
        if name == "host":
            return match_list(str(login.address).lower(), value.lower()) == 1
        if name == "localport":
            return login.port == int(value)
        if name == "localaddress" and login.local_address is not None:
            return match_address(login.local_address, value) == 1
        raise CannotProve(self.where, block.line, block.text, f"Match {name} asks for what isn't known of a login")


def match_groups(groups: frozenset[str], patterns: str) -> bool:
    """Return whether a comma list of group patterns matches; a negated part that matches any group refuses."""
    results = [match_list(group, patterns) for group in groups]
    return -1 not in results and 1 in results


@lru_cache(maxsize=4096)
def parse_sshd(text: str, where: str = "sshd_config") -> SshdConfig:
    """Return the configuration of a text without ``Include``. Raises ``CannotProve``."""
    return parse_sshd_files(text, {}, where)


def parse_sshd_files(text: str, included: Mapping[str, str], where: str = "sshd_config") -> SshdConfig:
    """Return the configuration of a text and the files it includes.

    ``included`` maps an ``Include`` argument, as written, to the texts it stands for, joined; what isn't there is
    refused, because nothing would be known of it.
    """
    settings = tuple(_Reader(where, included).read(text, (), 0))
    by_keyword: dict[str, list[Setting]] = {}
    for setting in settings:
        by_keyword.setdefault(setting.keyword, []).append(setting)
    chains = tuple(dict.fromkeys(s.blocks for s in settings if s.blocks))
    return SshdConfig(where, settings, {k: tuple(v) for k, v in by_keyword.items()}, chains)


class _Reader:
    """Reads one configuration and what it includes."""

    def __init__(self, where: str, included: Mapping[str, str]) -> None:
        self._where, self._included = where, included

    def read(self, text: str, outer: tuple[Block, ...], depth: int) -> list[Setting]:
        if depth > _DEPTH:
            raise CannotProve(self._where, 0, "Include", "files include one another too deeply")
        blocks, settings = outer, []
        for number, line in enumerate(text.split("\n"), 1):
            stripped = line.rstrip(" \t\r\n\f")
            keyword, rest = split_keyword(stripped)
            if not keyword or keyword.startswith("#"):
                continue
            if not rest:
                raise self._refuse(number, stripped, "the keyword has no argument, and sshd would not start")
            keyword = ALIASES.get(keyword.lower(), keyword.lower())
            try:
                arguments = split_arguments(rest)
            except ValueError:
                raise self._refuse(number, stripped, "quotes don't match, and sshd would not start") from None
            if keyword == "match":
                blocks = (*outer, self._block(number, stripped, arguments))
            elif keyword == "include":
                for name in arguments:
                    if name not in self._included:
                        raise self._refuse(number, stripped, f"nothing is known of {name}; the main file must stand alone")
                    settings += self.read(self._included[name], blocks, depth + 1)
            else:
                settings.append(self._setting(number, stripped, keyword, arguments, blocks))
                self._check_any(settings)
        return settings

    def _setting(self, number: int, line: str, keyword: str, arguments: tuple[str, ...], blocks: tuple[Block, ...]) -> Setting:
        if keyword not in KEYWORDS:
            raise self._refuse(number, line, "sshd doesn't know this keyword and would not start")
        if not arguments:
            raise self._refuse(number, line, "the keyword has no argument, and sshd would not start")
        if keyword in GLOBAL_ONLY and not any(b.criteria for b in blocks):
            blocks = ()  # `Match all` holds while the global part is read, too
        if blocks and keyword in GLOBAL_ONLY:
            raise self._refuse(number, line, "this keyword isn't allowed within a Match block, and sshd would not start")
        if keyword not in WHOLE_LINE and len(arguments) > 1:
            raise self._refuse(number, line, "this keyword takes one argument, and sshd would not start")
        choices = ("yes", "no") if keyword in FLAGS else CHOICES.get(keyword)
        if choices and arguments[0].lower() not in choices:
            raise self._refuse(number, line, f"{keyword} takes one of {', '.join(choices)}, and sshd would not start")
        if keyword in ("allowusers", "denyusers"):
            for argument in arguments:
                self._check_addresses(number, line, argument.partition("@")[2] or "*")
                if argument.count("@") > 1:
                    raise self._refuse(number, line, "releases differ over a pattern with two @")
        return Setting(number, line, keyword, arguments, blocks)

    def _check_any(self, settings: list[Setting]) -> None:
        """Refuse ``AuthenticationMethods any`` after another one: sshd won't start, or refuses logins."""
        last = settings[-1]
        if last.keyword == "authenticationmethods" and "any" in last.arguments:
            earlier = [s for s in settings[:-1] if s.keyword == last.keyword]
            if earlier or len(last.arguments) > 1:
                raise self._refuse(last.line, last.text, "`any` must stand alone, and sshd would not start or refuse the login")

    def _block(self, number: int, line: str, arguments: tuple[str, ...]) -> Block:
        words = [w for argument in arguments for w in self._criterion_words(argument)]
        if [w.lower() for w in words] == ["all"]:
            return Block(number, line, ())
        if len(words) % 2 or not words:
            raise self._refuse(number, line, "Match takes pairs of a criterion and a value, or all")
        criteria = tuple((name.lower(), value) for name, value in zip(words[::2], words[1::2], strict=True))
        for name, value in criteria:
            if name not in _CRITERIA:
                raise self._refuse(number, line, f"Match {name} isn't judged")
            if name in ("address", "localaddress"):
                self._check_addresses(number, line, value)
            if name == "localport" and not value.isdigit():
                raise self._refuse(number, line, "LocalPort takes a number, and sshd would not start")
        return Block(number, line, criteria)

    @staticmethod
    def _criterion_words(argument: str) -> list[str]:
        name, equals, value = argument.partition("=")
        return [name, value] if equals and name.lower() in _CRITERIA else [argument]

    def _check_addresses(self, number: int, line: str, patterns: str) -> None:
        for part in patterns.split(","):
            word = part.removeprefix("!")
            if not word:
                raise self._refuse(number, line, "the list holds an empty part, and sshd would not start")
            if has_host_bits(word) or _bad_mask(word):
                raise self._refuse(number, line, f"{word} has bits beyond its mask, and sshd would not start")

    def _refuse(self, number: int, line: str, reason: str) -> CannotProve:
        return CannotProve(self._where, number, line.strip(), reason)


def _bad_mask(word: str) -> bool:
    """Return whether a part is an address with a mask that sshd refuses."""
    address, slash, _unused = word.partition("/")
    return bool(slash) and is_network(address) and not is_network(word)
