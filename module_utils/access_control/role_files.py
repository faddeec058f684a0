"""Turns role arguments into the files and lists that the roles' tasks hand on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..fabric.problems import listed
from .authorized_keys import check_key, key_lines

User = Mapping[str, Any]


def authorized_keys_files(users: Iterable[User], directory: str, *, jump: bool = False) -> list[dict[str, str]]:
    """Return one file (path, content, mode) for each user who has keys, or authorities, and sources.

    With ``jump`` the keys of operators leave TCP forwarding to sshd_config, which bounds it by PermitOpen.
    """
    files = []
    for user in users:
        forwarding = jump and user.get("kind") == "operator"
        content = key_lines(
            user.get("keys") or (),
            user.get("sources") or (),
            forwarding=forwarding,
            authorities=user.get("authorities") or (),
            name=user["name"],
        )
        if content:
            files.append({"path": f"{directory}/{user['name']}", "content": content, "mode": "0644"})
    return files


def authority_lines(keys: Iterable[str]) -> str:
    """Return the file that TrustedUserCAKeys names: each authority's key without a comment."""
    return "".join(f"{' '.join(check_key(key).split()[:2])}\n" for key in sorted(set(keys)))


def with_onward_keys(users: Iterable[User], onward_keys: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Return the users, those marked ``onward`` with the keys that were made for them on the login servers."""
    return [
        {**user, "keys": [*(user.get("keys") or ()), *onward_keys.get(user["name"], ())]} if user.get("onward") else {**user}
        for user in users
    ]


def onward_keys_of(results: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the public keys by account from the results of the module ``onward_keys``, one result a login server."""
    keys: dict[str, list[str]] = {}
    for result in results:
        for item in result.get("public_keys") or ():
            keys.setdefault(item["account"], []).append(item["key"])
    return keys


def login_servers_asked(views: Mapping[str, Any], without: Iterable[str]) -> list[str]:
    """Return the login servers that are asked for onward keys: all of the fabric's but those to do ``without``."""
    left_out = set(without)
    return [name for name, view in views.items() if "login_server" in view and name not in left_out]


def signers_asked(views: Mapping[str, Any], hosts: Iterable[str], without: Iterable[str]) -> list[str]:
    """Return the signers that are asked for their keys: all that ``hosts`` are to trust, but those to do ``without``."""
    return _signers(views, hosts, without, "login_restriction")


def host_signers_asked(views: Mapping[str, Any], hosts: Iterable[str], without: Iterable[str]) -> list[str]:
    """Return the signers that are asked for the keys by which they certify ``hosts``, but those to do ``without``."""
    return _signers(views, hosts, without, "host_certificate")


def _signers(views: Mapping[str, Any], hosts: Iterable[str], without: Iterable[str], role: str) -> list[str]:
    left_out = set(without)
    named = (name for host in hosts for name in views[host].get(role, {}).get("signers", ()))
    return [name for name in dict.fromkeys(named) if name not in left_out]


def onward_results(hostvars: Mapping[str, Mapping[str, Any]], hosts: Iterable[str]) -> list[Mapping[str, Any]]:
    """Return the answers of login servers, whichever of the play's ``hosts`` asked for them; none where nobody did."""
    return answers_of(hostvars, "__onward_keys_read", hosts)


def answers_of(hostvars: Mapping[str, Mapping[str, Any]], name: str, hosts: Iterable[str]) -> list[Mapping[str, Any]]:
    """Return a loop's results, registered under ``name`` by whichever of ``hosts`` ran it; none where nobody did."""
    for host in hosts:
        results = hostvars[host].get(name, {}).get("results", [])
        if results and not all(result.get("skipped") for result in results):
            return list(results)
    return []


def silent_login_servers(
    results: Iterable[Mapping[str, Any]], views: Mapping[str, Any], without: Iterable[str], check_mode: bool
) -> list[str]:
    """Return, in words, which login servers gave no key for each of their accounts.

    In check mode an answer without keys is one: on fresh machines there are none yet.
    """
    answers = {result["__login_server"]: result for result in results}
    silent = []
    for name in login_servers_asked(views, without):
        answer = answers.get(name, {})
        if "public_keys" not in answer:
            reason = str(answer.get("msg") or "nobody asked it").strip().splitlines()[0]
            silent.append(f"{name} did not answer ({reason})")
            continue
        have = {item["account"] for item in answer["public_keys"]}
        lacking = [a["name"] for a in views[name]["login_server"]["accounts"] if a["name"] not in have]
        if lacking and not check_mode:
            silent.append(f"{name} has no onward key of {listed(lacking)}")
    return silent


def account_homes(accounts: Iterable[User], root: str) -> list[dict[str, str]]:
    """Return the accounts' home directories, closed to everybody else."""
    return [{"path": f"{root}/{a['name']}", "mode": "0700", "owner": a["name"], "group": a["name"]} for a in accounts]


def target_notes(accounts: Iterable[User], targets: Sequence[Mapping[str, Any]], directory: str) -> list[dict[str, str]]:
    """Return one file for each account that tells where it may go on to from this login server."""
    notes = []
    for account in accounts:
        names = [target["name"] for target in targets if account["name"] in (target.get("accounts") or ())]
        if names:
            told = "From here you may go on by:\n" + "".join(f"  ssh {name}\n" for name in names)
        else:
            told = "There is no machine to which you may go on from here. If you need one, ask the platform's operators.\n"
        notes.append({"path": f"{directory}/{account['name']}", "content": told, "mode": "0644"})
    return notes


def chroot_directories(accounts: Iterable[User], root: str) -> list[dict[str, str]]:
    """Return the directories in which accounts are shut; sshd wants them to be root's."""
    return [{"path": f"{root}/{account['name']}", "mode": "0755"} for account in accounts]


def data_set_mounts(data_sets: Iterable[Mapping[str, Any]], root: str) -> list[dict[str, str]]:
    """Return the mounts (source, target) of data sets: each in the directory of each account that may read it."""
    return [
        {"source": data_set["path"], "target": f"{root}/{account}/{data_set['name']}"}
        for data_set in data_sets
        for account in data_set["accounts"]
    ]
