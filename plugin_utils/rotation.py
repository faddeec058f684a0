"""What rotate.yml asks: which key pairs and takers the fabric has, and the next step, from what hosts answered."""

from __future__ import annotations

import base64
import hashlib
import math
import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from module_utils.fabric.views import HOST_AUTHORITIES, HOST_CERTIFICATE, View
from module_utils.identity.fields import CertificateError, Fields
from module_utils.identity.host_certificates import read
from module_utils.identity.host_pairs import SECOND
from module_utils.identity.turnover import DAY, Bearer, Pair, Taker, decide, stale, table

KINDS = ("authority", "onward", "host", "host_authority")
_AUTHORITY = "/var/lib/kakehashi-authority/user_ca"
_HOST_AUTHORITY = "/var/lib/kakehashi-host-authority/host_ca"
_ONWARD = "/etc/kakehashi/onward"
_TRUSTED = "/etc/ssh/kakehashi-user-authorities"
_LOGIN_KEYS, _DATA_KEYS = "/etc/ssh/authorized_keys.d", "/etc/ssh/authorized_keys_data.d"
_HOST = "/etc/ssh/ssh_host_ed25519_key"
_SIGNERS_KNOWN = "/etc/kakehashi/signing/known_hosts"
_SHOWN_DAYS = 7.0
_TRIED = 5
"""Hosts to which accounts go on by certificate from one login server."""
_ANSWERS = ("true", "false", "yes", "no", "on", "off", "1", "0", "y", "n", "t", "f")
"""The words that Ansible's filter ``bool`` takes for one or the other."""
_KEY = re.compile(r"ssh-ed25519 [A-Za-z0-9+/=]+")
Views = Mapping[str, View]


def rotation_wrong(given: Mapping[str, Any], hosts: Collection[str]) -> str:
    """Return in a sentence what is wrong with what rotate.yml is given; nothing where all is right, or not given (``None``).

    ``given`` are days, lists of hosts (of ``hosts``) and yes or no, by the names of the variables.
    """
    kinds = {"rotate_days": _wrong_days, "rotate_shown_days": _wrong_days, "rotate_status": _wrong_answer}
    for name, value in given.items():
        if value is None:
            continue
        check = kinds.get(name)
        wrong = check(value) if check else _wrong_names(value, hosts)
        if wrong:
            return f"{name} is {value!r}, which is {wrong}"
    return ""


def _wrong_days(value: object) -> str:
    try:
        right = not isinstance(value, bool) and 0 <= float(str(value)) < math.inf
    except ValueError:
        right = False
    return "" if right else "no number of days, 0 or more: give it without a unit"


def _wrong_answer(value: object) -> str:
    return "" if str(value).lower() in _ANSWERS else "neither true nor false"


def _wrong_names(value: object, hosts: Collection[str]) -> str:
    if isinstance(value, str) or not isinstance(value, Sequence):
        return 'no list: give it as -e \'{"NAME": ["mdx1"]}\''
    if not value:
        return "an empty list: name hosts, or leave it out"
    unknown = [str(name) for name in value if name not in hosts]
    return f"not all hosts of this inventory ({', '.join(unknown)} is none)" if unknown else ""


def rotation_pairs(views: Views, kind: str, host: str) -> list[dict[str, str]]:
    """Return the pairs of this kind that a host holds, as the module ``key_turnover`` takes them."""
    view = views.get(host, {})
    if kind == "host":
        enforced = view.get("managed") and view.get("login_restriction", {}).get("enforce")
        return [{"subject": host, "path": _HOST, "second": SECOND}] if enforced else []
    if kind in ("authority", "host_authority"):
        path = _AUTHORITY if kind == "authority" else _HOST_AUTHORITY
        return [{"subject": host, "path": path}] if "certificate_authority" in view else []
    accounts = view.get("login_server", {}).get("accounts", ())
    return [{"subject": f"{a['name']}@{host}", "path": f"{_ONWARD}/{a['name']}/id_ed25519"} for a in accounts]


def rotation_paths(views: Views, kind: str, host: str) -> list[str]:
    """Return the files by which a host takes keys of this kind, and the certificate that it shows by one."""
    shows = [HOST_CERTIFICATE] if _certified_by(views, kind, host) else []
    return [*dict.fromkeys(path for path, _subjects, _own in _taking(views, kind, host)), *shows]


def rotation_decision(  # noqa: PLR0913 - rotate.yml names the last ones
    hostvars: Mapping[str, Mapping[str, Any]],
    views: Views,
    kind: str,
    present: Sequence[str],
    days: float,
    without: Sequence[str] = (),
    *,
    before: Mapping[str, Any] | None = None,
    shown_days: float | None = 0.0,
    only: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the next step: ``step``, ``subjects``, ``hosts``, ``refusal``, and ``table``, lines that tell which keys are where.

    Hosts show a next key of theirs for ``shown_days`` before they use it, so that people's own ssh learns it: ``waiting`` tells
    whose; ``None``: as long as ``shown`` says. Where hosts' own keys are replaced, those that could not be read are left out, and
    so are all others where some are named (``only``).

    ``present`` are the hosts that have not failed in this run; ``before`` is the decision before this one in the run. ``known``
    are fingerprints of keys that holders had in this run, ``began`` of those that they had at first. ``replaced`` tells by host
    which of the known ones are still taken though no holder has them now: what this run replaced, and nobody by hand before it.
    ``kept`` are hosts whose key in use was there at first, and has none that follows. ``certified`` are hosts that show a
    certificate by a key that a holder has, which is good now; ``uncertified`` those of which it could not be read.
    """
    before = before or {}
    answers = {host: hostvars[host] if host in present else {} for host in views}
    pairs = [pair for host in views for pair in _pairs(views, kind, host, answers[host])]
    unread: list[str] = []
    left_alone: set[str] = set()
    if kind == "host":
        # Each host is its own holder, and one that is off keeps the key that it has, and that is known.
        left_alone = {pair.holder for pair in pairs if only and pair.holder not in only}
        unread = [pair.holder for pair in pairs if not pair.current and pair.holder not in left_alone]
        pairs = [pair for pair in pairs if pair.current and pair.holder not in left_alone]
    takers = [taker for host in views for taker in _takers(views, kind, host, answers[host])]
    takers = [taker for taker in takers if not taker.subjects & {*unread, *left_alone}]
    bounds = {name: shown_days if shown_days is not None else shown(views[name]) for name in views}
    young = [name for name, days_shown in _shown(answers) if days_shown < bounds[name]] if kind == "host" else []
    young = [name for name in young if name not in left_alone]
    certificates = {host: _certificate(answers[host]) for host in views if _certified_by(views, kind, host)}
    bearers = [_bearer(views, host, answers[host], certificates[host]) for host in certificates]
    found = decide(pairs, takers, days, without, young, bearers)
    held = {key for pair in pairs for key in pair.keys}
    left = {
        taker.host: {_fingerprint(key) for t in takers if t.host == taker.host for key in stale(t, pairs)} for taker in takers
    }
    keys = held | {key for taker in takers for key in stale(taker, pairs)} | {b.shows for b in bearers if b.shows}
    known = {*before.get("known", ()), *map(_fingerprint, held)}
    began = set(before.get("began", known))
    return {
        "step": found.step,
        "subjects": list(found.subjects),
        "hosts": list(found.hosts),
        "refusal": found.refusal,
        "known": sorted(known),
        "began": sorted(began),
        "kept": [p.subject for p in pairs if p.current and not p.following and _fingerprint(p.current) in began],
        "replaced": {host: sorted(prints & set(before.get("known", ()))) for host, prints in left.items()},
        "silent": sorted({*unread, *(taker.host for taker in takers if taker.takes is None)}),
        "certified": [host for host, each in certificates.items() if each and each.authority in held and _in_date(each)],
        "uncertified": [bearer.host for bearer in bearers if bearer.shows is None],
        "waiting": _waiting({name: bounds[name] for name in sorted(young)}),
        "table": table(pairs, takers, {key: _fingerprint(key) for key in keys}, bearers),
    }


def rotation_left(found: Mapping[str, Any], days: float, without: Sequence[str] = (), *, until_switch: bool = False) -> str:
    """Return what a run leaves undone by its last decision; nothing where that is nothing, or as it was asked for."""
    step, refusal = found["step"], found["refusal"]
    # Old keys may be left on purpose, for people; where no age is asked for, keys that were just made are due again.
    ends = step == "done" or (step == "make" and days <= 0) or (step == "forget" and until_switch)
    if not ends or (refusal and step != "forget"):
        return refusal or f"the step {step} is left on {', '.join(found['hosts'])}: run again"
    if days <= 0 and found.get("kept"):
        who = ", ".join(found["kept"])
        return f"run again: the key now in use of {who} already lay there when this run began, and may have leaked, too"
    if step == "forget":
        return ""
    silent = ", ".join(host for host in found["silent"] if host not in without)
    left = [f"{silent} could not be read and may still take old keys: run again when that is mended"] if silent else []
    if unseen := ", ".join(host for host in found.get("uncertified", ()) if host not in without):
        left.append(
            f"{unseen} could not be read and may show a certificate by an old key, which nobody believes any more: it is known "
            "by its host key until this, or playbooks/site.yml, is run when it is back"
        )
    return "; ".join(left)


def rotation_proofs(
    views: Views, proofs: Mapping[str, Any], kind: str, holder: str, silent: Sequence[str]
) -> list[dict[str, str]]:
    """Return the logins (``login_server``, ``account``, ``host``) that prove the keys of ``holder``."""

    def proves(host: str, way: Mapping[str, str]) -> bool:
        if kind == "onward":
            return way["login_server"] == holder
        if host == holder:
            return True
        return holder in views[host].get("login_restriction", {}).get("signers", ())

    known = {host: tried for host, tried in proofs.items() if host in views and host not in silent}
    return [{**way, "host": host} for host, tried in known.items() for way in tried.get("accounts", ()) if proves(host, way)]


def certificate_proofs(
    views: Views,
    proofs: Mapping[str, Any],
    host: str,
    certified: Sequence[str],
    silent: Sequence[str] = (),
    without: Sequence[str] = (),
) -> list[dict[str, str]]:
    """Return the logins (``login_server``, ``account``, ``host``) by which hosts are known by certificate alone.

    Those from ``host`` where that is a login server, all where it is a signer, else those to it; only to hosts that are
    ``certified``, and from no login server that is ``silent``. Of hosts to do ``without`` none but ``host`` itself is tried.
    From each login server there are five at most, far apart in order: each takes its time, and the change is held meanwhile.
    """
    view = views.get(host, {})

    def proves(target: str, way: Mapping[str, str]) -> bool:
        if target == host:
            return True
        return target not in without and ("certificate_authority" in view or way["login_server"] == host)

    def known(target: str, way: Mapping[str, str]) -> bool:
        believed = views.get(way["login_server"], {}).get("host_certificate", {}).get("known", ())
        return target in believed and way["login_server"] not in silent

    tried = {name: proofs.get(name, {}).get("accounts", ()) for name in certified}
    found: dict[str, list[dict[str, str]]] = {}
    for name, ways in tried.items():
        for way in ways:
            if proves(name, way) and known(name, way):
                found.setdefault(way["login_server"], []).append({**way, "host": name})
    return [way for ways in found.values() for way in ways[:: -(-len(ways) // _TRIED)]]


def certificate_misses(results: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return in words which logins by certificate came to nothing; ``results`` are of a loop over ``certificate_proofs``."""
    return [
        f"{way['account']} from {way['login_server']} to {way['host']} ({_last_words(result)})"
        for way, result in _certificate_logins(results)
        if result.get("rc") != 0
    ]


def certificate_refusals(results: Iterable[Mapping[str, Any]], anew: Sequence[str] = ()) -> list[str]:
    """Return those of ``certificate_misses`` for which a change is undone; others may be a stranger's host that is broken.

    They are all of a login server from which no host was reached, and those to hosts that were certified ``anew``. A login server
    that is off is none of them.
    """
    results = list(results)
    logins = list(_certificate_logins(results))
    reaching = {way["login_server"] for way, result in logins if result.get("rc") == 0}
    counts = [result for way, result in logins if way["login_server"] not in reaching or way["host"] in anew]
    return certificate_misses(counts)


def _certificate_logins(results: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Mapping[str, str], Mapping[str, Any]]]:
    return ((result["__way"], result) for result in results if not result.get("unreachable") and not result.get("skipped"))


def _last_words(result: Mapping[str, Any]) -> str:
    said = str(result.get("stderr") or result.get("msg") or "").strip().splitlines()
    return said[-1] if said else "it said nothing"


def _taking(views: Views, kind: str, host: str) -> Iterator[tuple[str, frozenset[str], frozenset[str]]]:
    """Yield each file that takes keys: its path, the subjects whose keys it takes, and keys that are declared for it."""
    view = views.get(host, {})
    restriction = view.get("login_restriction", {})
    if kind == "host":
        yield from _knowing(views, host)
        return
    if kind == "authority":
        if restriction.get("signers") and restriction.get("enforce"):
            yield _TRUSTED, frozenset(restriction["signers"]), frozenset()
        return
    if kind == "host_authority":
        certificate = view.get("host_certificate", {})
        if "login_server" in view and certificate.get("signers") and certificate.get("known"):
            yield HOST_AUTHORITIES, frozenset(certificate["signers"]), frozenset()
        return
    rooms = ((_LOGIN_KEYS, restriction.get("users", ()) if restriction.get("enforce") else ()),)
    for directory, users in (*rooms, (_DATA_KEYS, view.get("data_server", {}).get("accounts", ()))):
        for user in users:
            if user.get("onward") and user.get("sources"):
                own = frozenset(_keys(user.get("keys") or ()))
                yield f"{directory}/{user['name']}", _made_for(views, user["name"]), own


def _knowing(views: Views, host: str) -> Iterator[tuple[str, frozenset[str], frozenset[str]]]:
    """Yield where a login server knows the key of each host to which it goes on, and of each signer that it asks."""
    view = views.get(host, {})
    server = view.get("login_server", {})
    known = "/etc/ssh/ssh_known_hosts" if server.get("enforce") else "/etc/kakehashi/known_hosts"
    asked = view.get("onward_certificates", {}).get("signers", ())
    for path, names in ((known, server.get("targets", ())), (_SIGNERS_KNOWN, asked)):
        for name in [each["name"] for each in names]:
            if rotation_pairs(views, "host", name):
                yield path, frozenset({name}), frozenset()


def _certified_by(views: Views, kind: str, host: str) -> frozenset[str]:
    """Return the signers that may have certified a host, where their keys are of this kind."""
    signers = views.get(host, {}).get("host_certificate", {}).get("signers", ()) if kind == "host_authority" else ()
    return frozenset(signers)


def _certificate(known: Mapping[str, Any]) -> Fields | None:
    """Return what a host's certificate says; nothing where it was not read, is not there, or can't be judged."""
    lines = known.get("__rotation_taken", {}).get("stdout_lines") or ()
    line = next((line for line in lines if line.startswith(f"{HOST_CERTIFICATE}:")), "")
    try:
        return read(line.removeprefix(f"{HOST_CERTIFICATE}:")) if line else None
    except CertificateError:
        return None


def _bearer(views: Views, host: str, known: Mapping[str, Any], found: Fields | None) -> Bearer:
    held, taken = known.get("__rotation_held", {}), known.get("__rotation_taken", {})
    signers = _certified_by(views, "host_authority", host)
    if _lines(taken) is None:
        # A host that failed in this run is not off: of it nothing is known here.
        return Bearer(host, signers, None, off=bool(held.get("unreachable") or taken.get("unreachable")))
    return Bearer(host, signers, found.authority if found else "")


def _lines(read: Mapping[str, Any]) -> list[str] | None:
    """Return what grep found (it ends with 1 where that is nothing); ``None`` where it did not run, as on a host without room."""
    lines: list[str] | None = read.get("stdout_lines") if read.get("rc") in (0, 1, 2) else None
    return lines


def _in_date(found: Fields) -> bool:
    return found.begins <= time.time() < found.ends


def _made_for(views: Views, account: str) -> frozenset[str]:
    servers = ((name, view["login_server"]) for name, view in views.items() if "login_server" in view)
    return frozenset(f"{account}@{name}" for name, server in servers if account in [a["name"] for a in server["accounts"]])


def _pairs(views: Views, kind: str, host: str, known: Mapping[str, Any]) -> Iterator[Pair]:
    answers = {item["subject"]: item for item in known.get("__rotation_found", {}).get("found") or ()}
    for pair in rotation_pairs(views, kind, host):
        now = answers.get(pair["subject"], {"current": "", "beside": "", "age": 0.0, "following": False})
        yield Pair(pair["subject"], host, _key(now["current"]), now["age"], _key(now["beside"]), now["following"])


def _takers(views: Views, kind: str, host: str, known: Mapping[str, Any]) -> Iterator[Taker]:
    read = known.get("__rotation_taken", {})
    lines = _lines(read)
    for path, subjects, own in _taking(views, kind, host):
        if lines is None:
            yield Taker(host, subjects, None)
            continue
        there = [line.removeprefix(f"{path}:") for line in lines if line.startswith(f"{path}:")]
        if kind == "host_authority":
            there = [line for line in there if line.startswith("@cert-authority ")]
        if kind == "host":
            there = [line for line in there if subjects & set(line.split(" ")[0].split(","))]
        yield Taker(host, subjects, frozenset(_keys(there)) - own)


def _shown(answers: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, float]]:
    """Yield how many days ago each next pair was made."""
    for answer in answers.values():
        for item in answer.get("__rotation_found", {}).get("found") or ():
            if item["beside"] and item["following"]:
                yield item["subject"], item["beside_age"] / DAY


def shown(view: View) -> float:
    """Return how many days a host shows its next key where that is not said.

    A job's connection to its data was there before the next key, if the job is long: so it ends first.
    """
    hours: int = view.get("data_server", {}).get("longest_job_hours", 0)
    return max(_SHOWN_DAYS, hours / 24 + 1)


def rotation_keyless(names: Sequence[str], views: Views) -> str:
    """Return which of the hosts that are named hold no key that would be replaced; nothing where all do."""
    return ", ".join(sorted(name for name in names if not rotation_pairs(views, "host", name)))


def _waiting(bounds: Mapping[str, float]) -> str:
    """Return who does not use a next key yet although nothing is wrong."""
    if not bounds:
        return ""
    words = []
    for age in sorted(set(bounds.values())):
        whose = ", ".join(name for name, days in bounds.items() if days == age)
        words.append(f"the next keys of {whose} are shown beside those in use until they are {age:g} days old")
    return f"{', and '.join(words)}, for people's ssh to learn: run again then, or at once with -e rotate_shown_days=0"


def _keys(lines: Iterable[str]) -> Iterator[str]:
    return (key for key in map(_key, lines) if key)


def _key(line: str) -> str:
    found = _KEY.search(line)
    return found[0] if found else ""


def _fingerprint(key: str) -> str:
    digest = hashlib.sha256(base64.b64decode(key.split()[1])).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"
