"""What accounts can and can't do on a login server, tried as accounts."""

from __future__ import annotations

import pytest

from tests.access.node import STATE, Node, in_operators_place, overlay

pytestmark = pytest.mark.twin

LOGIN = Node("login1")
MDX1_V4, MDX1_V6 = "192.0.2.101", "2001:db8:0:2102::41"
SATO_COMES_TO = "192.0.2.10"  # the login server's address on the institutions' segment


def as_sato(*command: str, options: tuple[str, ...] = ()) -> tuple[int, str, str]:
    """Log in as sato does, from an institution's host with the key of the person's own machine."""
    config = overlay()["twin_ssh_config"]
    key = overlay()["ansible_ssh_private_key_file"]
    through = f"ssh -F {config} -i {key} -W %h:%p {overlay()['ansible_user']}@inst-a1"
    result = in_operators_place(
        "ssh", "-n", "-F", config, "-o", f"ProxyCommand={through}", "-o", "HostKeyAlias=login1", "-o", "IdentitiesOnly=yes",
        "-o", "BatchMode=yes", "-i", str(STATE / "keys" / "account-sato"), *options, f"sato@{SATO_COMES_TO}", *command,
    )  # fmt: skip
    return result.returncode, result.stdout.strip(), result.stderr


def test_an_account_comes_in_and_is_bounded() -> None:
    code, out, err = as_sato("id -un; ulimit -Hu; ulimit -Hn; ulimit -Hc; stat -c %a ~")
    assert code == 0, err
    assert out.split() == ["sato", "512", "4096", "0", "700"]


def test_an_account_is_told_where_it_may_go() -> None:
    told = as_sato("bash -lic true", options=("-tt",))[1]
    assert "ssh mdx1" in told
    assert "ssh mdx2" in told


@pytest.mark.parametrize("target", ["192.0.2.101:22", "localhost:22", "192.0.2.72:2022"])
def test_an_account_forwards_nothing(target: str) -> None:
    _, _, err = as_sato(options=("-W", target))
    assert "administratively prohibited" in err


def test_on_the_login_server_operators_jump_to_declared_targets_only() -> None:
    aoki, sato = (LOGIN.effective(user, "203.0.113.2") for user in ("aoki", "sato"))
    assert aoki["allowtcpforwarding"] == "local"
    assert f"{MDX1_V4}:22" in aoki["permitopen"].split()
    assert f"[{MDX1_V6}]:22" in aoki["permitopen"].split()
    assert sato["allowtcpforwarding"] == "no"
    assert sato["permitopen"] == "none"
    key, config = overlay()["ansible_ssh_private_key_file"], overlay()["twin_ssh_config_fresh"]
    for undeclared in (f"{MDX1_V4}:2022", "192.0.2.10:22", "localhost:22"):
        result = in_operators_place("ssh", "-F", config, "-i", key, "-n", "-W", undeclared, "aoki@login1")
        assert "administratively prohibited" in result.stderr


def test_the_onward_key_serves_its_account_and_nobody_else() -> None:
    keys = "/etc/kakehashi/onward"
    assert LOGIN.out(f"sudo -u sato ssh-keygen -y -f {keys}/sato/id_ed25519").startswith("ssh-ed25519 ")
    key = f"{keys}/sato/id_ed25519"
    for user, act in (("suzuki", f"cat {key}"), ("sato", f"rm -f {key}"), ("sato", f"touch {keys}/sato/x")):
        assert LOGIN.run(f"sudo -u {user} {act}").returncode != 0
    assert sorted(LOGIN.out(f"ls {keys}").split()) == ["kato", "sato", "suzuki", "tanaka"]
    assert LOGIN.out(f"stat -c '%a %U %G' {keys}/sato/id_ed25519").strip() == "640 root sato"


def test_the_client_goes_on_with_that_key_to_known_hosts_only() -> None:
    settings = LOGIN.out("sudo -u sato ssh -G mdx1").splitlines()
    assert "identityfile /etc/kakehashi/onward/%u/id_ed25519" in settings
    assert "stricthostkeychecking true" in settings
    assert "hostkeyalias mdx1" in settings
    known = LOGIN.out("cat /etc/ssh/ssh_known_hosts")
    for name in ("compute1", "mdx1", "mdx2"):
        assert any(name in line.split()[0].split(",") for line in known.splitlines() if line and not line.startswith("#"))
    unknown = LOGIN.run("sudo -u sato ssh -o BatchMode=yes -o UserKnownHostsFile=none -o HostKeyAlias=stranger mdx1 true")
    assert "Host key verification failed" in unknown.stderr


def test_nothing_is_left_behind() -> None:
    assert LOGIN.out("cat /etc/cron.allow /etc/at.allow").split() == ["root", "root"]
    assert LOGIN.run("test -e /var/lib/systemd/linger/sato").returncode != 0
