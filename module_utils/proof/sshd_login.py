"""Whether sshd lets somebody in: what allowed_user() and the authentication methods make of the settings in force.

Everything that isn't known counts for the one who knocks (a password that is set is known to him, a key in a place that
a user can write is his own), so that a refusal is certain. Each question has two forms: for one address with the reason,
and for all addresses at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from ..fabric.factors import Factor
from ..fabric.model import Address, Family
from . import authorities
from .accounts import User
from .authorities import Authority
from .decisions import Decision
from .intervals import EMPTY, FULL, Range, Ranges, as_address, samples
from .keys import Key, parse_keys
from .problem import CannotProve
from .ssh_patterns import cuts, match_host_and_address, match_pattern, matched, vague_part
from .sshd import Chain, Login, SshdConfig, Value

_ROOT_METHODS = ("publickey", "hostbased", "gssapi-with-mic")
Holding = frozenset[Chain]


@dataclass(frozen=True, slots=True)
class Server:
    """One sshd of a host: its configuration, the ``port`` asked about, and files by path that it may read.

    ``authorities`` are those whose policy is known: what others signed admits anybody. ``code`` says that a right code
    passes PAM's auth phase.
    """

    config: SshdConfig
    files: Mapping[str, str]
    port: int = 22
    authorities: tuple[Authority, ...] = ()
    code: bool = False


def rules_admit(server: Server, user: User, address: Address) -> Decision:
    """Return whether the configuration alone lets ``user`` from ``address`` go on to show a key or a password."""
    config = server.config
    holding = config.holding(_login(server, user, address))
    shut = _shut(config, user, holding)
    if shut is not None:
        return shut
    denied, allowed = config.under("denyusers", holding), config.under("allowusers", holding)
    for hosts, line in denied.for_user(user.name):
        if match_host_and_address(address, hosts):
            return Decision(False, f"{config.where}:{line.line} {line.text}")
    if not allowed.lines:
        return Decision(True, f"{config.where}: no AllowUsers")
    for hosts, line in allowed.for_user(user.name):
        if match_host_and_address(address, hosts):
            return Decision(True, f"{config.where}:{line.line} {line.text.strip()}")
    return _no("AllowUsers", allowed)


def rules_admitted(server: Server, user: User, family: Family) -> Ranges:
    """Return all addresses from which the configuration alone lets ``user`` go on."""
    config, found = server.config, EMPTY
    for part, holding in _shares(server, user, family):
        if _shut(config, user, holding) is not None:
            continue
        allowed, denied = config.under("allowusers", holding), config.under("denyusers", holding)
        listed = part & _listed(config, allowed, user.name, family) if allowed.lines else part
        found = found | (listed - _listed(config, denied, user.name, family))
    return found


def credential_admits(server: Server, user: User, address: Address) -> Decision:
    """Return whether ``user`` can have what an open method asks for: a key that is taken from ``address``, a password."""
    holding = server.config.holding(_login(server, user, address))
    for methods in methods_under(server.config, user, holding):
        means = [_means(server, user, address, holding, method) for method in methods]
        if all(m is not None for m in means):
            return Decision(True, ", ".join(str(m) for m in means))
    return Decision(False, f"no key of {user.name} opens from {address}")


def credential_admitted(server: Server, user: User, family: Family) -> Ranges:
    """Return all addresses from which ``user`` can have what sshd asks for."""
    found = EMPTY
    for part, holding in _shares(server, user, family):
        for methods in methods_under(server.config, user, holding):
            opened = part
            for method in methods:
                opened = opened & _method_opens(server, user, family, holding, method)
            found = found | opened
    return found


def open_methods(config: SshdConfig, user: User, login: Login) -> tuple[tuple[str, ...], ...]:
    """Return the lists of methods one of which opens a session, of those that are switched on and permitted."""
    return methods_under(config, user, config.holding(login))


def methods_under(config: SshdConfig, user: User, holding: Holding) -> tuple[tuple[str, ...], ...]:
    """Return what ``open_methods`` returns, while these chains of blocks hold."""

    def is_on(keyword: str) -> bool:
        return config.under(keyword, holding).first == "yes"

    on = {
        "publickey": is_on("pubkeyauthentication"),
        "password": is_on("passwordauthentication"),
        "keyboard-interactive": is_on("kbdinteractiveauthentication"),
        "hostbased": is_on("hostbasedauthentication"),
        "gssapi-with-mic": is_on("gssapiauthentication"),
        "none": is_on("permitemptypasswords") and user.without_password,
    }
    root = config.under("permitrootlogin", holding).first
    if user.uid == 0 and root != "yes":
        on = {name: state and (name in _ROOT_METHODS or root == "forced-commands-only") for name, state in on.items()}
    lists = config.under("authenticationmethods", holding).arguments
    wanted = [tuple(m.split(":")[0] for m in words.split(",")) for words in lists if words != "any"]
    if "any" in lists:
        wanted = [(name,) for name in on]
    return tuple(methods for methods in wanted if all(on.get(m, False) for m in methods))


def lacks_factor(server: Server, user: User, family: Family, wanted: Factor, *, needed: bool) -> str:
    """Return by what ``user`` gets in with less than ``wanted`` from some address, or nothing.

    ``needed``: nobody passes PAM's auth phase without a code. A user who may use no method at all lacks nothing.
    """
    config = server.config
    for _unused, holding in _shares(server, user, family):
        for methods in methods_under(config, user, holding):
            if wanted == "totp" and {"publickey", "keyboard-interactive"} - set(methods):
                return f"{config.where}: AuthenticationMethods opens by {' and '.join(methods)} alone"
            if wanted == "totp" and not needed:
                return f"{config.where}: PAM's auth phase can be passed without a code"
            if wanted == "security_key" and (plain := _plain_key(config, holding, methods)):
                return f"{config.where}: {plain}"
    return ""


def _plain_key(config: SshdConfig, holding: Holding, methods: tuple[str, ...]) -> str:
    """Return why something else than a security key with its PIN opens, or nothing."""
    if methods != ("publickey",):
        return f"AuthenticationMethods opens by {' and '.join(methods)}"
    kinds = [kind for words in config.under("pubkeyacceptedalgorithms", holding).arguments for kind in words.split(",")]
    if not kinds or not all(kind.startswith("sk-") for kind in kinds):
        return "PubkeyAcceptedAlgorithms takes other keys than security keys"
    options = config.under("pubkeyauthoptions", holding).arguments
    return "" if "verify-required" in options else "PubkeyAuthOptions asks for no PIN (verify-required)"


def key_files(config: SshdConfig, user: User, holding: Holding) -> tuple[str, ...]:
    """Return the paths of the files in which sshd looks for ``user``'s keys."""
    value = config.under("authorizedkeysfile", holding)
    return tuple(_expanded(path, user, config.where) for path in value.arguments if path.lower() != "none")


def _login(server: Server, user: User, address: Address) -> Login:
    return Login(user.name, user.groups, address, server.port)


def _shares(server: Server, user: User, family: Family) -> Iterator[tuple[Ranges, Holding]]:
    """Yield the address space in parts, each with the chains of blocks that hold in it."""
    config = server.config
    patterns = list(config.address_patterns())
    for block, pattern in patterns:
        _refuse_vague(config.where, block.line, block.text, pattern)
    asked = Login(user.name, user.groups, as_address(0, family), server.port)
    for low, high in samples(cuts((pattern for _unused, pattern in patterns), family), family):
        yield Ranges(((low, high),)), config.holding(replace(asked, address=as_address(low, family)))


def _shut(config: SshdConfig, user: User, holding: Holding) -> Decision | None:
    """Return what refuses ``user`` from wherever, or ``None``."""
    if config.under("usedns", holding).first == "yes":
        raise CannotProve(config.where, 0, "UseDNS yes", "names come from the origin's own DNS; set UseDNS no")
    refuse, root = config.under("refuseconnection", holding), config.under("permitrootlogin", holding)
    if refuse.first == "yes":
        return _no("RefuseConnection", refuse)
    if user.uid == 0 and root.first == "no":
        return _no("PermitRootLogin", root)
    if not methods_under(config, user, holding):
        return _no("AuthenticationMethods", config.under("authenticationmethods", holding))
    return _groups_refuse(config, user, holding)


def _groups_refuse(config: SshdConfig, user: User, holding: Holding) -> Decision | None:
    denied, allowed = config.under("denygroups", holding), config.under("allowgroups", holding)
    if any(match_pattern(g, p) for g in user.groups for p in denied.arguments):
        return _no("DenyGroups", denied)
    if allowed.arguments and not any(match_pattern(g, p) for g in user.groups for p in allowed.arguments):
        return _no("AllowGroups", allowed)
    return None


def _listed(config: SshdConfig, value: Value, name: str, family: Family) -> Ranges:
    """Return all addresses for which a list of ``user@hosts`` patterns names a user."""
    parts: list[Range] = []
    for hosts, line in value.for_user(name):
        _refuse_vague(config.where, line.line, line.text, hosts)
        parts.extend(matched(hosts, family).parts)
    return Ranges.of(parts)


def _refuse_vague(where: str, line: int, text: str, patterns: str) -> None:
    vague = vague_part(patterns)
    if vague is not None:
        reason = f"write {vague} as a CIDR block: a wildcard in an address is no range"
        raise CannotProve(where, line, text.strip(), reason)


def _no(what: str, value: Value) -> Decision:
    lines = ", ".join(str(s.line) for s in value.lines[:3])
    return Decision(False, f"{what} (line {lines})" if lines else what)


def _means(server: Server, user: User, address: Address, holding: Holding, method: str) -> str | None:
    """Return by what ``user`` passes ``method`` from ``address``, or ``None`` where it can't be had."""
    if method == "publickey":
        always = _always_a_key(server, user, holding)
        opening = (f"{path}:{k.line} {k.text}" for path, k in _keys(server, user, holding) if k.opens_from(address))
        return always or next(opening, None) or _certificate(server, user, holding, address)
    return _other_means(server, user, method)


def _method_opens(server: Server, user: User, family: Family, holding: Holding, method: str) -> Ranges:
    """Return all addresses from which ``user`` passes ``method``."""
    if method != "publickey":
        return FULL[family] if _other_means(server, user, method) else EMPTY
    if _always_a_key(server, user, holding):
        return FULL[family]
    found = authorities.admitted(server.authorities, [key for _unused, key in _trusted(server, holding)], user.name, family)
    for path, key in _keys(server, user, holding):
        if key.source is None:
            return FULL[family]
        _refuse_vague(path, key.line, key.text, key.source)
        found = found | matched(key.source, family)
    return found


def _other_means(server: Server, user: User, method: str) -> str | None:
    if method == "keyboard-interactive" and server.code:
        return f"a code of {user.name}'s device"
    if method == "none":
        return "an empty password"
    if method in ("password", "keyboard-interactive"):
        return f"{user.name}'s password" if user.password != "locked" else None  # noqa: S105 - a state, no password
    return method


def _always_a_key(server: Server, user: User, holding: Holding) -> str | None:
    """Return why ``user`` has a key that opens from everywhere, or ``None``: what others vouch for, or puts there."""
    config = server.config
    if config.under("authorizedkeyscommand", holding).first != "none":
        return "a key that AuthorizedKeysCommand names"
    if (signed := _unbounded(server, holding)) is not None:
        return signed
    own = (p for p in key_files(config, user, holding) if p not in server.files and p.startswith(f"{user.home}/"))
    return next((f"a key that {user.name} puts into {path}" for path in own), None)


def _unbounded(server: Server, holding: Holding) -> str | None:
    """Return which certificates no policy that is known bounds, or ``None``."""
    config = server.config
    value = config.under("trustedusercakeys", holding)
    if value.first == "none":
        return None
    file = value.arguments[0]
    if file not in server.files:
        return f"a certificate of TrustedUserCAKeys {file}, a file that isn't among the artefacts"
    for keyword in ("authorizedprincipalsfile", "authorizedprincipalscommand"):
        if (named := config.under(keyword, holding)).lines and named.first != "none":
            return f"a certificate whose principals {keyword} names"
    known = {authority.key for authority in server.authorities}
    strange = (number for number, key in _trusted(server, holding) if key not in known)
    return next((f"a certificate of the authority in {file}:{n}, which is no signer's" for n in strange), None)


def _trusted(server: Server, holding: Holding) -> list[tuple[int, str]]:
    """Return the authorities whose certificates sshd takes, with their lines."""
    named = server.config.under("trustedusercakeys", holding)
    return list(authorities.trusted(server.files.get(named.arguments[0], ""))) if named.first != "none" else []


def _certificate(server: Server, user: User, holding: Holding, address: Address) -> str | None:
    """Return by which line of a policy ``user`` has a certificate that is good from ``address``, or ``None``."""
    trusted = {key for _unused, key in _trusted(server, holding)}
    grants = (a.grant_for(user.name, address) for a in server.authorities if a.key in trusted)
    return next((f"a certificate by {grant.where}" for grant in grants if grant is not None), None)


def _keys(server: Server, user: User, holding: Holding) -> Iterator[tuple[str, Key]]:
    forced = user.uid == 0 and server.config.under("permitrootlogin", holding).first == "forced-commands-only"
    for path in key_files(server.config, user, holding):
        for key in parse_keys(server.files.get(path, ""), path):
            if key.forced or not forced:
                yield path, key


def _expanded(path: str, user: User, where: str) -> str:
    """Expand sshd's tokens; a relative path is below the home directory."""
    marks = {"%%": "%", "%u": user.name, "%h": user.home, "%U": str(user.uid)}
    found, at = "", 0
    while at < len(path):
        if path[at] == "%":
            if path[at : at + 2] not in marks:
                raise CannotProve(where, 0, path, "sshd doesn't know this token in AuthorizedKeysFile")
            found, at = found + marks[path[at : at + 2]], at + 2
        else:
            found, at = found + path[at], at + 1
    return found if found.startswith("/") else f"{user.home}/{found}"
