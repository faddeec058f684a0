"""What can be read from a data server, by whom and from where, tried for real from a node."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.access.node import PATIENCE, QUICK, Node, have_read

pytestmark = pytest.mark.twin

DATA, NODE, LOGIN = Node("data1"), Node("mdx1"), Node("login1")
V4, V6 = "192.0.2.72", "2001:db8:0:2102::12"
DECLARED = {V4: "192.0.2.101", V6: "2001:db8:0:2102::41"}
UNDECLARED = "192.0.2.100"  # taken by the node during these tests
FILES = ("/etc/ssh/sshd_config_data", "/etc/pam.d/kakehashi-data-sshd", "/etc/ssh/authorized_keys_data.d/sato")
RELOAD = have_read("kakehashi-data-sshd", "/run/kakehashi-data-sshd/sshd.pid")
AS_BEFORE = f"{RELOAD}; nft -f /etc/nftables.conf || true"
# Accepting first, rather than flushing: the connection by which the rules come back must stay known to the kernel.
WITHOUT_FILTER = (
    "if nft list table inet kakehashi >/dev/null 2>&1; "
    "then for chain in input output; do nft insert rule inet kakehashi $chain accept; done; fi"
)
WITHOUT_PAM = r"sed -i 's/^account.*pam_access.*$/account required pam_permit.so/' /etc/pam.d/kakehashi-data-sshd"
WITHOUT_SSHD = (
    "sed -i /^AllowUsers/d /etc/ssh/sshd_config_data; "
    r"sed -i 's/^from=\"[^\"]*\",//' /etc/ssh/authorized_keys_data.d/sato; "
    f"{RELOAD}"
)
OPTIONS = (
    f"-F none -o IdentitiesOnly=yes -o BatchMode=yes -o ConnectTimeout=20 -o StrictHostKeyChecking=no -o KexAlgorithms={QUICK} "
    "-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
)


@pytest.fixture(scope="module", autouse=True)
def keys_and_an_undeclared_address() -> Iterator[None]:
    """Bring keys to the node as a person could who has read them on the login server."""
    NODE.out("rm -rf /run/keys; mkdir -m 700 /run/keys")
    for account in ("sato", "tanaka"):
        key = LOGIN.out(f"cat /etc/kakehashi/onward/{account}/id_ed25519")
        NODE.out(f"umask 077; cat > /run/keys/{account}", stdin=key)
    NODE.out(f"ip addr replace {UNDECLARED}/26 dev hpc0")
    yield
    NODE.out(f"rm -rf /run/keys; ip addr del {UNDECLARED}/26 dev hpc0")


def sftp(user: str, batch: str, *, target: str = V4, bind: str = "", port: int = 2022, key: str = "sato") -> tuple[int, str]:
    bind = bind or DECLARED[target]
    where = f"[{target}]" if ":" in target else target
    result = NODE.run(
        f"printf '{batch}\\n' | sftp -q -P {port} {OPTIONS} -o BindAddress={bind} -i /run/keys/{key} -b - {user}@{where} 2>&1"
    )
    return result.returncode, result.stdout


@pytest.mark.parametrize("target", [V4, V6])
def test_an_account_reads_its_data_sets_and_writes_nothing(target: str) -> None:
    code, out = sftp("sato", "get ct-2024/study /run/keys/study\\nls /", target=target)
    assert code == 0, out
    assert NODE.out("cat /run/keys/study; rm /run/keys/study") == "pixels\n"
    for act in ("put /etc/hostname ct-2024/x", "rm ct-2024/study", "mkdir x", "chmod 777 ct-2024/study"):
        code, out = sftp("sato", act, target=target)
        assert code != 0
        assert "ermission denied" in out


def test_the_data_set_is_read_only_for_every_program() -> None:
    assert DATA.run("touch /srv/kakehashi/sato/ct-2024/x").returncode != 0
    assert DATA.out("ls /srv/kakehashi/kato") == ""


@pytest.mark.parametrize(
    ("user", "key", "port"),
    [("tanaka", "tanaka", 2022), ("aoki", "sato", 2022), ("root", "sato", 2022), ("sato", "sato", 22)],
)
def test_nobody_else_and_nowhere_else(user: str, key: str, port: int) -> None:
    assert sftp(user, "ls", key=key, port=port)[0] != 0


def test_no_shell_and_no_forwarding() -> None:
    for words in ("id", "-W 127.0.0.1:22"):
        before, after = (words, "") if words.startswith("-") else ("", words)
        result = NODE.run(f"ssh -n -p 2022 {OPTIONS} -i /run/keys/sato {before} sato@{V4} {after} 2>&1")
        assert "allows sftp connections only" in result.stdout or "forwarding failed" in result.stdout
    assert DATA.out("getent passwd sato").strip().endswith(":/usr/sbin/nologin")


@pytest.mark.parametrize(
    "removed",
    [pytest.param(WITHOUT_PAM, id="sshd alone"), pytest.param(WITHOUT_SSHD, id="PAM alone")],
)
def test_each_layer_refuses_an_undeclared_address_alone(removed: str) -> None:
    with DATA.put_back(*FILES, after=AS_BEFORE):
        DATA.out(f"{WITHOUT_FILTER}; {removed}")
        assert sftp("sato", "ls", bind=UNDECLARED)[0] != 0


def test_without_both_the_undeclared_address_gets_in() -> None:
    with DATA.put_back(*FILES, after=AS_BEFORE):
        DATA.out(f"{WITHOUT_FILTER}; {WITHOUT_PAM}; {WITHOUT_SSHD}")
        assert sftp("sato", "ls", bind=UNDECLARED)[0] == 0


def sessions() -> set[str]:
    """Return the processes of sato on the data server."""
    return set(DATA.out("pgrep -u sato || true").split())


def test_open_connections_outlive_a_restart() -> None:
    others = sessions()  # that other tests opened: they may be about to end
    greet = r'printf "\0\0\0\5\1\0\0\0\3"'  # SSH_FXP_INIT of version 3
    hold = f"({greet}; exec tail -f /dev/null) | ssh -s -p 2022 {OPTIONS} -i /run/keys/sato sato@{V4} sftp"
    NODE.out(f"setsid sh -c '{hold}' >/run/keys/held 2>/dev/null & echo $! > /run/keys/hold.pid")
    try:
        NODE.out(f"timeout {PATIENCE} sh -c 'until [ -s /run/keys/held ]; do sleep 0.2; done'")
        before = sessions() - others  # all of them: its server has answered
        assert before
        DATA.out("systemctl restart kakehashi-data-sshd")
        assert sessions() - others == before
    finally:
        NODE.run("kill -- -$(cat /run/keys/hold.pid)")
