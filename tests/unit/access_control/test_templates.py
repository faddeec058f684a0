"""The roles' templates, rendered without Ansible and judged by sshd itself."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

from module_utils.access_control.host import HostError, StagedSshd
from module_utils.access_control.pam_files import needed_modules, parse_rules, rule_problems
from module_utils.access_control.people import allow_list, parse_people
from module_utils.access_control.sshd_settings import admits, list_problems
from module_utils.access_control.verdict import Staged, problems_of
from plugin_utils.render import stand_in

ROOT = Path(__file__).resolve().parents[3]
SSHD = "/usr/sbin/sshd"
needs_sshd = pytest.mark.skipif(not Path(SSHD).exists() or os.geteuid() != 0, reason="needs OpenSSH's server, and root")

USERS: list[dict[str, Any]] = [
    {"name": "aoki", "kind": "operator", "sources": ["192.0.2.70", "2001:db8:0:2102::10"]},
    {"name": "sato", "kind": "account", "sources": ["192.0.2.70", "198.51.100.0/26"]},
    {"name": "kato", "kind": "account", "sources": []},
]
TARGETS = ["192.0.2.101:22", "[2001:db8:0:2102::41]:22"]
Render = Callable[..., str]


@pytest.fixture(scope="session")
def host_key(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("keys") / "host"
    if shutil.which("ssh-keygen"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return str(path)


@pytest.fixture
def render(host_key: str) -> Render:
    def rendered(role: str, template: str, **arguments: Any) -> str:
        room = ROOT / "roles" / role
        environment = jinja2.Environment(  # noqa: S701 - configuration, not HTML
            loader=jinja2.FileSystemLoader(room / "templates"),
            trim_blocks=True,
            keep_trailing_newline=True,
            undefined=jinja2.StrictUndefined,
        )
        defaults = yaml.safe_load((room / "defaults" / "main.yml").read_text())
        named = {name if name.startswith("__") else f"{role}_{name}": value for name, value in arguments.items()}
        given = {**defaults, f"{role}_host_keys": [host_key], **named}
        given |= {"__data_server_keys_directory": "/etc/ssh/authorized_keys_data.d", "__data_server_access_file": "/x"}
        given |= {"__data_server_teller": "/usr/local/sbin/kakehashi-data-sets"}
        given |= {"__login_restriction_security_keys": HARD["pubkeyacceptedalgorithms"].split(",")}
        given |= {"__login_restriction_security_certificates": ["sk-ssh-ed25519-cert-v01@openssh.com"]}
        given |= {"__login_restriction_revoked_file": "/etc/ssh/kakehashi-revoked-keys"}
        return environment.get_template(template).render(given)

    return rendered


def meant(role: str, **values: str) -> dict[str, str]:
    """Return a role's table of meant settings, its templates filled in by hand."""
    table = yaml.safe_load((ROOT / "roles" / role / "vars" / "main.yml").read_text())[f"__{role}_settings"]
    return {key: values.get(key, value) for key, value in table.items()}


MEANT = meant(
    "login_restriction",
    authorizedkeysfile="/etc/ssh/authorized_keys.d/%u",
    maxauthtries="4",
    logingracetime="60",
    subsystem="sftp internal-sftp",
    revokedkeys="none",
)


CODE = {"authenticationmethods": "publickey,keyboard-interactive:pam", "kbdinteractiveauthentication": "yes"}
HARD = {
    "pubkeyacceptedalgorithms": "sk-ssh-ed25519@openssh.com,sk-ecdsa-sha2-nistp256@openssh.com",
    "pubkeyauthoptions": "touch-required verify-required",
}


def problems(
    config: str, rules: str, users: list[dict[str, Any]], jump: list[str], single: dict[str, dict[str, str]] | None = None
) -> list[str]:
    people, wrong = parse_people(users)
    assert wrong == []
    onwards = {"disableforwarding": "no", "allowtcpforwarding": "local", "permitopen": " ".join(jump)} if jump else {}
    staged = Staged(people, rules, "", MEANT, onwards, user_settings=single or {})
    with StagedSshd(SSHD, config, 22) as sshd:
        sshd.check()
        return problems_of(staged, sshd.ask)[0]


@needs_sshd
@pytest.mark.parametrize("jump", [[], TARGETS])
@pytest.mark.parametrize("activation", ["service", "socket"])
def test_the_rendered_configuration_does_what_is_meant(render: Render, jump: list[str], activation: str) -> None:
    arguments = {"users": USERS, "jump_targets": jump, "activation": activation}
    config = render("login_restriction", "sshd_config.j2", **arguments)
    rules = render("login_restriction", "access.conf.j2", **arguments)
    assert problems(config, rules, USERS, jump) == []


@pytest.mark.parametrize(("role", "template"), [("login_restriction", "sshd_config.j2"), ("data_server", "sshd_config_data.j2")])
def test_a_second_host_key_is_announced_behind_the_one_in_use(render: Render, host_key: str, role: str, template: str) -> None:
    """Of two keys of a kind sshd uses the first, and shows clients both once they are in."""
    admitted = {"__admitted": {"any": True, "users": []}} if role == "data_server" else {}
    second = "/etc/ssh/kakehashi-second-host-key/ssh_host_ed25519_key"
    lines = render(role, template, **admitted, **{f"__{role}_second_keys": [second]}).splitlines()
    assert [line for line in lines if line.startswith("HostKey ")] == [f"HostKey {host_key}", f"HostKey {second}"]


@needs_sshd
@pytest.mark.parametrize("jump", [[], TARGETS])
@pytest.mark.parametrize("recorded", [["operator"], ["account"], ["operator", "account"]])
def test_sessions_begin_by_the_recorder_for_whom_they_are_recorded(render: Render, jump: list[str], recorded: list[str]) -> None:
    config = render("login_restriction", "sshd_config.j2", users=USERS, jump_targets=jump, recorded=recorded)
    program = "/usr/local/sbin/kakehashi-session"
    with StagedSshd(SSHD, config, 22) as sshd:
        for user, kind in (("aoki", "operator"), ("sato", "account")):
            found = sshd.ask(user, "192.0.2.70")
            assert found["forcecommand"] == ((program,) if kind in recorded else ("none",))


@needs_sshd
@pytest.mark.parametrize("jump", [[], TARGETS])
def test_a_second_factor_is_asked_of_whom_it_is_meant_for(render: Render, jump: list[str]) -> None:
    users = [*USERS, {"name": "suzuki", "kind": "account", "sources": ["192.0.2.71"]}]
    factors = {"totp_users": ["sato", "aoki"], "security_key_users": ["suzuki"]}
    config = render("login_restriction", "sshd_config.j2", users=users, jump_targets=jump, **factors)
    rules = render("login_restriction", "access.conf.j2", users=users)
    meant = {"sato": CODE, "aoki": CODE, "suzuki": HARD}
    assert problems(config, rules, users, jump, meant) == []
    assert any("for sato: authenticationmethods is publickey,key" in p for p in problems(config, rules, users, jump))
    plain = render("login_restriction", "sshd_config.j2", users=users, jump_targets=jump)
    found = problems(plain, rules, users, jump, meant)
    assert any("for sato: authenticationmethods is publickey, meant is" in p for p in found)
    assert any("for suzuki: pubkeyauthoptions is" in p for p in found)


@needs_sshd
@pytest.mark.parametrize("jump", [[], TARGETS])
def test_who_comes_by_certificates_is_told_so_and_nobody_else(
    render: Render, jump: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    others = {"name": "suzuki", "kind": "operator", "sources": ["192.0.2.71"], "authorities": []}
    users = [{**USERS[0], "authorities": [stand_in("operators")]}, *USERS[1:], others]
    config = render("login_restriction", "sshd_config.j2", users=users, jump_targets=jump, security_key_users=["aoki"])
    rules = render("login_restriction", "access.conf.j2", users=users)
    monkeypatch.setitem(MEANT, "revokedkeys", "/etc/ssh/kakehashi-revoked-keys")
    kinds = f"sk-ssh-ed25519-cert-v01@openssh.com,{HARD['pubkeyacceptedalgorithms']}"
    told = {**HARD, "pubkeyacceptedalgorithms": kinds, "exposeauthinfo": "yes"}
    assert problems(config, rules, users, jump, {"aoki": told}) == []
    del told["exposeauthinfo"]
    assert any("for aoki: exposeauthinfo is yes, meant is no" in p for p in problems(config, rules, users, jump, {"aoki": told}))


def test_pam_asks_for_a_code_only_where_somebody_is_asked(render: Render) -> None:
    assert "auth     required   pam_deny.so\n\n" in render("login_restriction", "pam_sshd.j2")
    stack = render("login_restriction", "pam_sshd.j2", totp_users=["sato"])
    assert "pam_oath.so" in needed_modules(stack)
    order = [line.split("pam_")[1].split(".")[0] for line in stack.splitlines() if line.startswith("auth")]
    assert order == ["access", "faillock", "oath", "faillock", "faillock", "deny"]


@needs_sshd
def test_without_users_nobody_is_admitted(render: Render) -> None:
    config = render("login_restriction", "sshd_config.j2", users=[{"name": "kato", "sources": []}])
    with StagedSshd(SSHD, config, 22) as sshd:
        found = sshd.ask("root", "192.0.2.70")
    assert found["denyusers"] == ("*",)
    assert list_problems([], found) == []
    rules, wrong = parse_rules(render("login_restriction", "access.conf.j2", users=[]))
    assert (rules, wrong) == ({}, [])


@needs_sshd
@pytest.mark.parametrize(
    ("change", "words"),
    [
        # Lines that somebody could add, and what they would do.
        (lambda text: text.replace("PermitRootLogin", "AllowUsers *\nPermitRootLogin"), "AllowUsers admits *"),
        (lambda text: text.replace("UsePAM yes", "UsePAM no"), "usepam is no"),
        (lambda text: "PasswordAuthentication yes\n" + text, "passwordauthentication is yes"),  # the first value wins
        (lambda text: text + "\nMatch Address 192.0.2.0/24\n    PasswordAuthentication yes\n", "passwordauthentication is yes"),
        (lambda text: text + "\nMatch User sato\n    AllowTcpForwarding yes\n", "for sato: allowtcpforwarding is yes"),
        (lambda text: text.replace("GatewayPorts no\n", "") + "\nMatch User x\nGatewayPorts no\n", None),
        (lambda text: text.replace("AllowTcpForwarding no\n", "") + "\nMatch User x\nAllowTcpForwarding no\n",
         "allowtcpforwarding is yes"),
        (lambda text: text.replace("UseDNS no", "UseDNS yes"), "usedns is yes"),
        (lambda text: text.replace("PermitTunnel no", "PermitTunnel yes"), "permittunnel is yes"),
        (lambda text: text.replace("AllowUsers sato@192.0.2.70", "AllowUsers sato@login1"), "AllowUsers admits sato@login1"),
        (lambda text: text.replace("authorized_keys.d/%u", "authorized_keys.d/%u .ssh/authorized_keys"), "authorizedkeysfile is"),
        (lambda text: text + "AcceptEnv LD_PRELOAD\n", "acceptenv is LD_PRELOAD"),
        (lambda text: text.replace("TrustedUserCAKeys none", "AuthorizedKeysCommand /bin/x\nAuthorizedKeysCommandUser x"),
         "authorizedkeyscommand is /bin/x"),
    ],
)  # fmt: skip
def test_each_trap_is_seen(render: Render, change: Callable[[str], str], words: str | None) -> None:
    good = render("login_restriction", "sshd_config.j2", users=USERS)
    bad = change(good)
    assert bad != good
    rules = render("login_restriction", "access.conf.j2", users=USERS)
    found = problems(bad, rules, USERS, [])
    if words is None:  # sshd's own default is the meant value
        assert found == []
    else:
        assert any(words in problem for problem in found)


@needs_sshd
def test_what_sshd_refuses_is_told_in_its_words(render: Render) -> None:
    config = render("login_restriction", "sshd_config.j2", users=USERS) + "NoSuchKeyword yes\n"
    with pytest.raises(HostError, match="NoSuchKeyword"), StagedSshd(SSHD, config, 22) as sshd:
        sshd.check()


def test_a_missing_sshd_is_named() -> None:
    with pytest.raises(HostError, match="/nonexistent/sshd is not installed"), StagedSshd("/nonexistent/sshd", "", 22) as sshd:
        sshd.check()


def test_rules_of_pam_are_the_declaration(render: Render) -> None:
    people, _ = parse_people(USERS)
    rules, wrong = parse_rules(render("login_restriction", "access.conf.j2", users=USERS))
    assert wrong == []
    assert rule_problems(rules, {p.name: p.sources for p in people if p.sources}) == []


@pytest.mark.parametrize(("role", "template"), [("login_restriction", "pam_sshd.j2"), ("data_server", "pam.j2")])
@pytest.mark.parametrize("nodns", [False, True])
def test_the_stack_of_pam_ends_in_a_denial(render: Render, role: str, template: str, nodns: bool) -> None:
    stack = render(role, template)
    account = [line.split(None, 1)[1] for line in stack.splitlines() if line.startswith("account")]
    assert account[-1].split() == ["required", "pam_deny.so"]
    (gate,) = [line for line in account if "pam_access.so" in line]
    assert gate.startswith("[success=ok default=die]")
    assert " nodefgroup" in gate
    assert "accessfile=/" in gate
    assert "pam_access.so" in needed_modules(stack)
    assert not any(line.startswith("@include") for line in stack.splitlines())
    assert nodns or "nodns" not in stack


@needs_sshd
def test_the_data_server_offers_reading_and_nothing_else(render: Render) -> None:
    accounts = [{"name": "sato", "uid": 3001, "sources": ["192.0.2.101", "2001:db8:0:2102::41"]}]
    config = render("data_server", "sshd_config_data.j2", accounts=accounts)
    people, _ = parse_people(accounts)
    table = meant(
        "data_server",
        authorizedkeysfile="/etc/ssh/authorized_keys_data.d/%u",
        chrootdirectory="/srv/kakehashi/%u",
        clientaliveinterval="0",
        tcpkeepalive="no",
        port="2022",
    )
    rules = render("data_server", "access.conf.j2", accounts=accounts)
    with StagedSshd(SSHD, config, 2022) as sshd:
        sshd.check()
        assert problems_of(Staged(people, rules, "", table), sshd.ask)[0] == []
        found = sshd.ask("sato", "192.0.2.101")
    assert set(found["allowusers"]) == set(allow_list(people))
    assert not admits(found, "aoki", "192.0.2.101")
    assert found["forcecommand"] == ("internal-sftp -R -l INFO",)
