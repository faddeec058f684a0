"""Certificates for accounts' logins to nodes, by real attempts; each refusal with what lets the same attempt in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.access.node import Node, have_read

pytestmark = pytest.mark.twin

LOGIN, SIGNER, NODE = Node("login1"), Node("ca1"), Node("mdx1")
ONWARD, ISSUED = "/etc/kakehashi/onward/sato/id_ed25519", "/run/kakehashi-certificates/sato-cert.pub"
SSHD, AUTHORITIES, REVOKED = "/etc/ssh/sshd_config", "/etc/ssh/kakehashi-user-authorities", "/etc/ssh/kakehashi-revoked-keys"
CA = "/var/lib/kakehashi-authority/user_ca"
GOOD = "source-address=192.0.2.70,2001:db8:0:2102::10"
V4, V6 = "192.0.2.101", "2001:db8:0:2102::41"
OPTIONS = (
    "-F none -o IdentitiesOnly=yes -o BatchMode=yes -o ConnectTimeout=20 -o StrictHostKeyChecking=no "
    "-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
)
SAID = "journalctl --sync; journalctl -t kakehashi-sign --no-pager -o cat"  # all that the signer said by now
RELOAD = have_read("ssh", "/run/sshd.pid")


@pytest.fixture(autouse=True)
def room() -> Iterator[None]:
    """A place on the login server that sato can read."""
    LOGIN.out("rm -rf /run/tried; mkdir -m 755 /run/tried")
    yield
    LOGIN.out("rm -rf /run/tried")


@pytest.fixture
def node() -> Iterator[None]:
    """A node whose files come back."""
    with NODE.put_back(SSHD, AUTHORITIES, REVOKED, after=RELOAD):
        yield


def enters(certificate: str = "", user: str = "sato", key: str = ONWARD, target: str = V4) -> bool:
    """Whether sato, on the login server, gets in with this certificate and key."""
    shown = f"-o CertificateFile={certificate}" if certificate else ""
    command = f"sudo -u sato ssh -n {OPTIONS} -i {key} {shown} {user}@{target} id -un"
    return LOGIN.run(command).stdout.strip() == user


def signed(*options: str, principal: str = "sato", validity: str = "-1m:+5m", name: str = "sato@login1", ca: str = CA) -> str:
    """Sign sato's onward key by hand on the signer (as root there could), and bring the certificate to the login server."""
    public = LOGIN.out(f"cat {ONWARD}.pub")
    given = " ".join(f"-O {option}" for option in options)
    line = SIGNER.out(
        "umask 077; mkdir -p /run/hand; cat > /run/hand/key.pub; "
        f"cp {ca} /run/hand/ca; ssh-keygen -q -s /run/hand/ca -I {name} -n {principal} -V {validity} {given} /run/hand/key.pub; "
        "cat /run/hand/key-cert.pub; rm -r /run/hand",
        stdin=public,
    )
    LOGIN.out("cat > /run/tried/cert.pub", stdin=line)
    return "/run/tried/cert.pub"


def other_authority() -> str:
    """Make another authority on the signer; return its public key."""
    return SIGNER.out("rm -f /run/other*; ssh-keygen -q -t ed25519 -N '' -f /run/other; cat /run/other.pub")


@pytest.mark.parametrize("family", ["-4", "-6"])
@pytest.mark.parametrize("target", ["mdx1", "mdx2"])
def test_an_account_goes_on_by_itself(target: str, family: str) -> None:
    LOGIN.out(f"rm -f {ISSUED}")
    result = LOGIN.run(f"sudo -u sato ssh -n {family} -o ConnectTimeout=20 {target} id -un")
    assert result.stdout.strip() == "sato", result.stderr
    assert LOGIN.out(f"stat -c '%U %a' {ISSUED}").split() == ["root", "644"]


def test_the_certificate_is_short_and_bound() -> None:
    LOGIN.out("sudo -u sato kakehashi-certificate")
    told = LOGIN.out(f"ssh-keygen -Lf {ISSUED}")
    assert 'Key ID: "sato@login1"' in told
    assert GOOD.replace("=", " ") in told
    began, ended = (LOGIN.out(f"date -d {word} +%s") for word in told.partition("Valid: from ")[2].split()[:3:2])
    assert int(ended) - int(began) <= 11 * 60
    serial = told.partition("Serial: ")[2].split()[0]
    assert f"signed sato@login1 serial={serial} " in SIGNER.out(SAID)


def test_a_key_alone_opens_nothing() -> None:
    assert not enters()
    LOGIN.out("sudo -u sato kakehashi-certificate")
    assert enters(ISSUED)
    assert enters(ISSUED, target=V6)


@pytest.mark.usefixtures("node")
def test_another_authoritys_certificate_is_refused() -> None:
    public = other_authority()
    certificate = signed(GOOD, ca="/run/other")
    assert not enters(certificate)
    NODE.out(f"cat >> {AUTHORITIES}", stdin=public)
    assert enters(certificate)


def test_an_expired_one_is_refused() -> None:
    assert not enters(signed(GOOD, validity="-2h:-1h"))
    assert enters(signed(GOOD, validity="-2h:+1h"))


def test_another_principal_is_refused() -> None:
    assert not enters(signed(GOOD, principal="suzuki"))
    assert not enters(signed(GOOD), user="suzuki")
    assert enters(signed(GOOD, principal="suzuki,sato"))


def test_another_source_is_refused() -> None:
    assert not enters(signed("source-address=192.0.2.69"))
    assert enters(signed())


@pytest.mark.usefixtures("node")
def test_a_revoked_one_is_refused() -> None:
    certificate = signed(GOOD)
    NODE.out(f"cat > /run/ca.pub; echo 'id: sato@login1' > /run/spec; ssh-keygen -q -k -f {REVOKED} -s /run/ca.pub /run/spec",
             stdin=SIGNER.out(f"cat {CA}.pub"))  # fmt: skip
    assert not enters(certificate)
    assert enters(signed(GOOD, name="sato@elsewhere"))
    NODE.out(f"sed -i 's|^RevokedKeys .*|RevokedKeys none|' {SSHD}; {RELOAD}")
    assert enters(certificate)


@pytest.mark.usefixtures("node")
@pytest.mark.parametrize("user", ["aoki", "root", "mdxuser"])
def test_no_certificate_makes_an_operator(user: str) -> None:
    certificate = signed(principal=user)
    assert not enters(certificate, user=user)
    if user == "aoki":
        NODE.out(f"sed -i 's|^TrustedUserCAKeys none|TrustedUserCAKeys {AUTHORITIES}|' {SSHD}; {RELOAD}")
        assert enters(certificate, user=user)


@pytest.mark.usefixtures("node")
def test_keys_that_users_plant_open_nothing() -> None:
    NODE.out(
        "install -d -o sato -g sato -m 700 ~sato/.ssh; cat > ~sato/.ssh/authorized_keys; chown sato: ~sato/.ssh/authorized_keys",
        stdin=LOGIN.out(f"cat {ONWARD}.pub"),
    )
    try:
        assert not enters()
        NODE.out(f"sed -i 's|^AuthorizedKeysFile .*|AuthorizedKeysFile .ssh/authorized_keys|' {SSHD}; {RELOAD}")
        assert enters()
    finally:
        NODE.out("rm -rf ~sato/.ssh/authorized_keys")


def asked(account: str, *, client: str = "login1", key: str = "/etc/kakehashi/signing/id_ed25519", by: str = "root") -> str:
    """Ask the signer as ``by`` on a login server; return the certificate, or what was said."""
    request = f'printf \'{{"account": "%s", "key": "%s"}}\' {account} "$(cut -d\' \' -f1,2 {ONWARD}.pub)"'
    where = f"kakehashi-sign@192.0.2.207 {client}"
    return LOGIN.run(f"{request} | sudo -u {by} ssh {OPTIONS} -p 2200 -i {key} {where} 2>&1").stdout


def test_the_signer_signs_what_its_policy_says_and_nothing_else() -> None:
    assert asked("sato").startswith("ssh-ed25519-cert-v01@openssh.com ")
    for account in ("root", "aoki", "mallory"):
        assert "refused: login1 has no account" in asked(account)
    told = SIGNER.out(SAID)
    assert "refused root@login1 from 192.0.2.200: login1 has no account root" in told
    with SIGNER.put_back("/etc/kakehashi/authority/policy.json", after="true"):
        SIGNER.out('sed -i \'s/"sato"/"root", "sato"/\' /etc/kakehashi/authority/policy.json')
        assert asked("root").startswith("ssh-ed25519-cert-v01@openssh.com ")


def test_accounts_do_not_reach_the_signer_themselves() -> None:
    assert "ermission denied" in asked("sato", by="sato")
    assert "ermission denied" in asked("sato", by="sato", key=ONWARD)


def test_the_signing_user_has_no_shell_and_forwards_nothing() -> None:
    for words in ("id", "-s sftp", "/bin/sh"):
        said = asked("sato", client=words) if words != "id" else asked("mallory", client=words)
        assert "uid=" not in said
    forward = LOGIN.run(
        f"timeout 20 ssh -n {OPTIONS} -p 2200 -i /etc/kakehashi/signing/id_ed25519 -W 127.0.0.1:22 "
        "kakehashi-sign@192.0.2.207 2>&1"
    )
    assert "SSH-2.0" not in forward.stdout
    assert SIGNER.out("getent passwd kakehashi-sign").strip().endswith(":/usr/local/sbin/kakehashi-sign")


def test_the_key_is_its_hosts_own() -> None:
    assert SIGNER.out(f"stat -c '%a %U %G' {CA}").strip() == "640 root kakehashi-sign"
    assert SIGNER.run(f"sudo -u nobody cat {CA}").returncode != 0
    assert LOGIN.run("sudo -u sato cat /etc/kakehashi/signing/id_ed25519").returncode != 0


def test_each_account_gets_its_own_certificate_only() -> None:
    LOGIN.out(f"rm -f {ISSUED}; sudo -u kato kakehashi-certificate sato")
    assert LOGIN.run(f"test -e {ISSUED}").returncode != 0
    refused = LOGIN.run("sudo -u aoki kakehashi-certificate sato")
    assert "No certificate: aoki is no account that goes on from here" in refused.stderr


CROWD = """
import socket
many = []
for _ in range(300):
    one = socket.socket(socket.AF_UNIX)
    one.connect("/run/kakehashi-certificate.socket")
    many.append(one)
print("all are here", flush=True)
input()
"""


def test_300_connections_of_one_account_leave_another_its_way() -> None:
    LOGIN.out("cat > /run/tried/crowd.py", stdin=CROWD)
    asks = "sudo -u kato timeout 60 kakehashi-certificate"
    # While they are all held open and say nothing, and again after a crash with everybody still waiting.
    crash = "systemctl kill --signal=KILL kakehashi-certificate.service"
    LOGIN.out(
        "cd /run/tried; mkfifo go; sudo -u sato timeout 100 python3 crowd.py < go > said & exec 3> go; "
        f"until grep -q here said; do sleep 0.1; done; {asks}; {crash}; {asks}; echo >&3; exec 3>&-; wait"
    )
    assert LOGIN.out("systemctl is-active kakehashi-certificate.socket").strip() == "active"
    LOGIN.out("sudo -u sato timeout 60 kakehashi-certificate")
