"""Who gets in to a node for real, and that each layer refuses alone. The counter-test shows that nothing else refuses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.access.node import Node, attempt, have_read

pytestmark = pytest.mark.twin

NODE, LOGIN = Node("mdx1"), Node("login1")
V4, V6 = "192.0.2.101", "2001:db8:0:2102::41"
DECLARED = {V4: "192.0.2.70", V6: "2001:db8:0:2102::10"}
UNDECLARED = {V4: "192.0.2.69", V6: "2001:db8:0:2102::9"}  # taken by the login server during these tests
BOTH = pytest.mark.parametrize("target", [V4, V6])
FILES = ("/etc/ssh/sshd_config", "/etc/pam.d/sshd")
OTHERS = [("kato", "kato"), ("root", "sato"), ("mdxuser", "sato"), ("aoki", "sato"), ("sato", "kato")]

# Accepting first, rather than flushing: the connection by which the rules come back must stay known to the kernel.
WITHOUT_FILTER = "for chain in input output; do nft insert rule inet kakehashi $chain accept; done"
RELOAD = have_read("ssh", "/run/sshd.pid")
KEYS = "/etc/ssh/authorized_keys.d/sato"
WITHOUT_SSHD = f"sed -i /^AllowUsers/d /etc/ssh/sshd_config; {RELOAD}"
WITHOUT_PAM = r"sed -i 's/^account.*pam_access.*$/account required pam_permit.so/' /etc/pam.d/sshd"
AS_BEFORE = f"nft -f /etc/nftables.conf; {RELOAD}"


@pytest.fixture(scope="module", autouse=True)
def an_undeclared_address() -> Iterator[None]:
    LOGIN.out(f"ip addr replace {UNDECLARED[V4]}/26 dev hpc0; ip addr replace {UNDECLARED[V6]}/64 dev hpc0 nodad preferred_lft 0")
    yield
    LOGIN.out(f"ip addr del {UNDECLARED[V4]}/26 dev hpc0; ip addr del {UNDECLARED[V6]}/64 dev hpc0")


@pytest.fixture
def layers() -> Iterator[None]:
    """Layers that come back. A key that is good from anywhere stands for the certificate, which looks at the address itself."""
    NODE.out(f"cat > {KEYS}", stdin=LOGIN.out("cat /etc/kakehashi/onward/sato/id_ed25519.pub"))
    try:
        with NODE.put_back(*FILES, after=AS_BEFORE):
            yield
    finally:
        NODE.out(f"rm {KEYS}")


@BOTH
def test_an_account_logs_in_from_the_login_server(target: str) -> None:
    assert attempt(LOGIN, "sato", target, by="sato", bind=DECLARED[target]) == "sato"


@pytest.mark.parametrize(
    ("user", "by"), [("kato", "kato"), ("root", "sato"), ("mdxuser", "sato"), ("aoki", "sato"), ("sato", "kato")]
)
def test_nobody_else_does(user: str, by: str) -> None:
    assert attempt(LOGIN, user, V4, by=by, bind=DECLARED[V4]) == ""


@BOTH
def test_an_undeclared_address_is_refused(target: str) -> None:
    assert attempt(LOGIN, "sato", target, by="sato", bind=UNDECLARED[target]) == ""


@BOTH
@pytest.mark.parametrize(
    "removed",
    [
        pytest.param([WITHOUT_SSHD, WITHOUT_PAM], id="packet filter alone"),
        pytest.param([WITHOUT_FILTER, WITHOUT_PAM], id="sshd alone"),
        pytest.param([WITHOUT_FILTER, WITHOUT_SSHD], id="PAM alone"),
    ],
)
@pytest.mark.usefixtures("layers")
def test_each_layer_refuses_alone(target: str, removed: list[str]) -> None:
    NODE.out("; ".join(removed))
    assert attempt(LOGIN, "sato", target, by="sato", bind=UNDECLARED[target]) == ""


@BOTH
@pytest.mark.usefixtures("layers")
def test_without_any_layer_the_undeclared_address_gets_in(target: str) -> None:
    NODE.out("; ".join([WITHOUT_FILTER, WITHOUT_SSHD, WITHOUT_PAM]))
    assert attempt(LOGIN, "sato", target, by="sato", bind=UNDECLARED[target]) == "sato"


def test_a_socket_activated_node_obeys_too() -> None:
    assert attempt(LOGIN, "sato", "192.0.2.102", by="sato", bind=DECLARED[V4]) == "sato"
    assert attempt(LOGIN, "kato", "192.0.2.102", by="kato", bind=DECLARED[V4]) == ""


def test_keys_that_users_plant_open_nothing() -> None:
    public = "/etc/kakehashi/onward/kato/id_ed25519.pub"
    key = LOGIN.out(f"cat {public}").strip()
    plant = "mkdir -p ~sato/.ssh; echo '{}' > ~sato/.ssh/authorized_keys; chown -R sato: ~sato/.ssh; chmod -R go= ~sato/.ssh"
    NODE.out(plant.format(key))
    try:
        assert attempt(LOGIN, "sato", V4, by="kato", bind=DECLARED[V4]) == ""
    finally:
        NODE.out("rm -f ~sato/.ssh/authorized_keys")


def test_a_drop_in_has_no_effect() -> None:
    NODE.out("printf 'AllowUsers *\\nPasswordAuthentication yes\\n' > /etc/ssh/sshd_config.d/00-first.conf")
    try:
        found = NODE.effective("root", UNDECLARED[V4])
    finally:
        NODE.out("rm /etc/ssh/sshd_config.d/00-first.conf")
    assert "*" not in found["allowusers"].split()
    assert found["passwordauthentication"] == "no"


@pytest.mark.parametrize("user", ["sato", "aoki", "root"])
def test_nothing_is_forwarded_on_a_node(user: str) -> None:
    found = NODE.effective(user, DECLARED[V4])
    assert found["disableforwarding"] == "yes"
    for kind in ("allowtcpforwarding", "allowagentforwarding", "allowstreamlocalforwarding", "x11forwarding", "permittunnel"):
        assert found[kind] == "no"
    assert found["usepam"] == "yes"
    assert found["authorizedkeysfile"] == "/etc/ssh/authorized_keys.d/%u"
