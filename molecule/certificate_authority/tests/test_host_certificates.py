"""By what hosts are known: real attempts with certificates that are good, and with others; nobody is ever asked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.access.node import Node, have_read

pytestmark = pytest.mark.twin

LOGIN, SIGNER, NODE = Node("login1"), Node("ca1"), Node("mdx1")
SHOWN, AUTHORITIES, KNOWN = (
    "/etc/ssh/ssh_host_ed25519_key-cert.pub",
    "/etc/ssh/kakehashi-host-authorities",
    "/etc/ssh/ssh_known_hosts",
)
CA = "/var/lib/kakehashi-host-authority/host_ca"
V4, V6 = "192.0.2.101", "2001:db8:0:2102::41"
RELOAD = have_read("ssh", "/run/sshd.pid")


@pytest.fixture
def node() -> Iterator[None]:
    """A node whose certificate comes back."""
    with NODE.put_back(SHOWN, after=RELOAD):
        yield


@pytest.fixture
def keys_forgotten() -> Iterator[None]:
    """A login server that knows no host by its key, as one that was built anew."""
    with LOGIN.put_back(KNOWN, AUTHORITIES, after="true"):
        LOGIN.out(f": > {KNOWN}")
        yield


def goes_on(target: str = "mdx1") -> tuple[bool, str]:
    """Whether sato gets from the login server to a host as ever, and what ssh says."""
    done = LOGIN.run(f"sudo -u sato ssh -n -o BatchMode=yes -o ConnectTimeout=20 {target} id -un")
    return done.stdout.strip() == "sato", done.stderr


def show(principals: str, *, validity: str = "-1m:+5m", ca: str = CA) -> None:
    """Sign the node's key by hand on the signer (as root there could), and have its sshd show that."""
    line = SIGNER.out(
        "umask 077; mkdir -p /run/hand; cat > /run/hand/key.pub; "
        f"ssh-keygen -q -h -s {ca} -I mdx1 -n {principals} -V {validity} /run/hand/key.pub; "
        "cat /run/hand/key-cert.pub; rm -r /run/hand",
        stdin=NODE.out("cat /etc/ssh/ssh_host_ed25519_key.pub"),
    )
    NODE.out(f"cat > {SHOWN}; {RELOAD}", stdin=line)


def test_a_host_shows_a_certificate_for_what_it_is_reached_by() -> None:
    told = NODE.out(f"ssh-keygen -Lf {SHOWN}")
    assert "host certificate" in told
    assert told.partition("Principals:")[2].partition("Critical")[0].split() == ["mdx1", V4, V6]
    serial = told.partition("Serial: ")[2].split()[0]
    said = SIGNER.out("journalctl --sync; journalctl -t kakehashi-sign-host --no-pager -o cat")
    assert f"signed host mdx1 serial={serial} " in said
    assert SIGNER.out(f"stat -c '%a %U %G' {CA}").strip() == "600 root root"
    assert SIGNER.run(f"sudo -u kakehashi-sign cat {CA}").returncode != 0


@pytest.mark.usefixtures("keys_forgotten")
@pytest.mark.parametrize("target", ["mdx1", "mdx2"])
def test_a_login_server_that_knows_no_key_knows_hosts_by_certificate(target: str) -> None:
    assert goes_on(target) == (True, "")
    LOGIN.out(f": > {AUTHORITIES}")
    came, said = goes_on(target)
    assert not came
    assert "Host key verification failed" in said


@pytest.mark.usefixtures("keys_forgotten")
@pytest.mark.parametrize("target", [V4, V6])
def test_it_knows_them_by_address_too(target: str) -> None:
    # Accounts go on by name; who asks for a user's key has believed the host's.
    assert "ermission denied" in goes_on(target)[1]
    LOGIN.out(f": > {AUTHORITIES}")
    assert "Host key verification failed" in goes_on(target)[1]


@pytest.mark.usefixtures("keys_forgotten", "node")
def test_another_authoritys_certificate_is_not_believed() -> None:
    other = SIGNER.out("rm -f /run/other*; ssh-keygen -q -t ed25519 -N '' -f /run/other; cat /run/other.pub")
    show("mdx1", ca="/run/other")
    came, said = goes_on()
    assert not came
    assert "Host key verification failed" in said
    LOGIN.out(f"sed 's/^/@cert-authority mdx1 /' >> {AUTHORITIES}", stdin=other)
    assert goes_on()[0]


@pytest.mark.usefixtures("keys_forgotten", "node")
def test_a_certificate_for_another_name_is_not_believed() -> None:
    show("mdx2,192.0.2.102")
    came, said = goes_on()
    assert not came
    assert "Host key verification failed" in said
    show("mdx2,mdx1")
    assert goes_on()[0]


@pytest.mark.usefixtures("keys_forgotten")
def test_the_authority_is_believed_for_declared_hosts_only() -> None:
    line = LOGIN.out(f"cat {AUTHORITIES}")
    assert line.startswith("@cert-authority ")
    LOGIN.out(f"sed -i -E 's/(,| )mdx1,/\\1/' {AUTHORITIES}")
    assert not goes_on()[0]
    LOGIN.out(f"cat > {AUTHORITIES}", stdin=line)
    assert goes_on()[0]


@pytest.mark.usefixtures("node")
def test_who_knows_the_key_is_not_locked_out_by_a_certificate_that_ended() -> None:
    show("mdx1", validity="-2h:-1h")
    assert goes_on()[0]
    with LOGIN.put_back(KNOWN, after="true"):
        LOGIN.out(f": > {KNOWN}")
        assert not goes_on()[0]
        show("mdx1")
        assert goes_on()[0]


@pytest.mark.usefixtures("node")
def test_without_a_certificate_the_key_is_shown_alone() -> None:
    NODE.out(f"rm {SHOWN}; {RELOAD}")
    assert goes_on()[0]
