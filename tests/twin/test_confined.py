"""What accounts' own processes reach from where they log in: really tried, with and without the rules that hold them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.twin.validated import Validated

pytestmark = pytest.mark.twin

REACH = (Path(__file__).parent / "confined/reach.py").read_text()
SATO, KATO, AOKI = 3001, 3004, 2001
SUBORDINATE = 100000  # the first that useradd writes to /etc/subuid
MDX1 = ("tcp,192.0.2.101,22", "tcp,2001:db8:0:2102::41,22")
DATA1 = ("tcp,192.0.2.72,2022", "tcp,2001:db8:0:2102::12,2022")
# What the host itself or its operators may reach, what it answers to itself, and packets that ask for no connection.
NOT_FOR_ACCOUNTS = (
    *("tcp,192.0.2.72,22", "tcp,2001:db8:0:2102::12,22"),
    *("tcp,192.0.2.75,80", "tcp,2001:db8:0:2102::15,80"),
    *("tcp,192.0.2.21,22", "tcp,2001:db8:0:2101::21,22"),
    *("tcp,127.0.0.1,22", "tcp,::1,22", "tcp,192.0.2.70,22"),
    *("mptcp,192.0.2.72,22", "mptcp,127.0.0.1,22", "mptcp,::1,22"),
    *("udp,127.0.0.1,53", "udp,::1,53", "other,127.0.0.1,0", "other,::1,0"),
)
NEVER_SENT = ("udp,192.0.2.101,22", "udp,2001:db8:0:2102::41,53", "other,192.0.2.101,0", "other,2001:db8:0:2102::41,0")


# Seconds for what has to be reached on a busy machine, and for what has to stay without an answer.
LONG, SHORT = 60, 2


def reached(twin: Validated, host: str, uid: int, *places: str, surely: Collection[str] = ()) -> set[str]:
    """Return which of the places a process of a user reaches. It may send raw packets, as ping may, whoever starts it.

    Those that the test expects to be reached (``surely``) are waited for patiently, others as long as is needed.
    """
    user = ("setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--inh-caps=+net_raw", "--ambient-caps=+net_raw")
    tried = [f"{place},{LONG if place in surely else SHORT}" for place in places]
    said = json.loads(twin("exec", host, "--", *user, "python3", "-", *tried, text=REACH))
    return {place for place, result in said.items() if result != "blocked"}


@contextmanager
def unconfined(twin: Validated, host: str) -> Iterator[None]:
    """Take the rules away that send accounts' packets to their own chain."""
    find = "nft -a list chain inet kakehashi output | sed -n 's/.*jump confined # handle //p'"
    twin("exec", host, "--", "bash", "-ec", f'for n in $({find}); do nft delete rule inet kakehashi output handle "$n"; done')
    try:
        yield
    finally:
        twin("exec", host, "--", "nft", "-f", "/etc/nftables.conf")


def test_an_account_goes_on_from_the_login_server_to_its_nodes_only(converged: Validated) -> None:
    assert reached(converged, "login1", SATO, *MDX1, *NOT_FOR_ACCOUNTS, *NEVER_SENT, surely=MDX1) == set(MDX1)
    assert reached(converged, "login1", KATO, *MDX1, *NOT_FOR_ACCOUNTS) == set()


def test_as_a_subordinate_number_it_goes_nowhere(converged: Validated) -> None:
    given = converged("exec", "login1", "--", "sed", "-n", "s/^sato:\\([0-9]*\\):.*/\\1/p", "/etc/subuid")
    assert int(given) >= SUBORDINATE
    assert reached(converged, "login1", SUBORDINATE, *MDX1, *NOT_FOR_ACCOUNTS) == set()
    with unconfined(converged, "login1"):
        shut = [place for place in NOT_FOR_ACCOUNTS if not place.startswith("other")]
        assert set(shut) <= reached(converged, "login1", SUBORDINATE, *shut, surely=shut)


def test_without_the_rule_it_reaches_what_the_login_server_does(converged: Validated) -> None:
    with unconfined(converged, "login1"):
        assert set(NOT_FOR_ACCOUNTS) <= reached(converged, "login1", KATO, *NOT_FOR_ACCOUNTS, *MDX1, surely=NOT_FOR_ACCOUNTS)
    # Packets without ports all belong to one stream, which was let through a moment ago: connection tracking knows it.
    again = [place for place in NOT_FOR_ACCOUNTS if not place.startswith("other")]
    assert reached(converged, "login1", KATO, *again) == set()


def test_the_host_and_its_operators_keep_their_flows(converged: Validated) -> None:
    declared = {place for place in (*MDX1, *NOT_FOR_ACCOUNTS) if place.startswith("tcp")}
    for uid in (0, AOKI):
        assert reached(converged, "login1", uid, *declared, surely=declared) == declared
    # An operator's jump is opened by a process of his own there.
    jump = converged.attempt("run", "--", "ssh", "-F", str(converged.state / "ssh/config-fresh"), "data1", "true")
    assert jump.returncode == 0, jump.stderr


def test_on_a_node_an_account_reads_data_and_talks_to_itself_only(converged: Validated) -> None:
    itself = ("tcp,127.0.0.1,8888", "tcp,::1,8888", "udp,127.0.0.1,8888")
    other = ("tcp,192.0.2.75,80", "tcp,2001:db8:0:2102::15,80", "tcp,192.0.2.70,22", "tcp,192.0.2.102,22")
    ports_of_root = ("tcp,127.0.0.1,22", "tcp,::1,22", "udp,127.0.0.1,53", "other,127.0.0.1,0")
    everything = (*DATA1, *itself, *other, *ports_of_root, "udp,192.0.2.72,2022")
    confined = {*DATA1, *itself}
    assert reached(converged, "mdx1", SATO, *everything, surely=confined) == confined
    with unconfined(converged, "mdx1"):
        more = {*confined, *ports_of_root, "tcp,192.0.2.75,80"}
        assert more <= reached(converged, "mdx1", SATO, *everything, surely=more)


def test_a_rule_put_by_hand_before_the_users_chain_fails_validation(converged: Validated) -> None:
    rule = "nft insert rule inet kakehashi output meta skuid 3004 accept"
    converged("exec", "login1", "--", "sh", "-c", rule)
    try:
        evidence, _printed = converged.evidence("validate", "--limit", "login1")
    finally:
        converged("exec", "login1", "--", "nft", "-f", "/etc/nftables.conf")
    told = [f"{row['layer']}: {row['message']}" for row in evidence["drift"] if row["host"] == "login1"]
    assert any("packet filter" in text and "meta skuid 3004 accept" in text for text in told), told


# All ask at once, and each that gets through hangs up; prints how many did, and how long the last was waited for.
BURST = """
import selectors, socket, sys, time
begun, came = time.monotonic(), 0
end = begun + float(sys.argv[3])
waiting = selectors.DefaultSelector()
for _unused in range(int(sys.argv[2])):
    client = socket.socket()
    client.setblocking(False)
    client.connect_ex((sys.argv[1], 22))
    waiting.register(client, selectors.EVENT_WRITE)
while waiting.get_map() and time.monotonic() < end:
    for key, _events in waiting.select(max(0, end - time.monotonic())):
        came += not key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        waiting.unregister(key.fileobj)
        key.fileobj.close()
print(came, time.monotonic() - begun)
"""


def test_a_burst_of_one_source_is_slowed_down_and_nobody_else_is(converged: Validated) -> None:
    many = 200
    burst = ("exec", "inst-a1", "--", "python3", "-", "192.0.2.10", str(many))
    anew = ("exec", "login1", "--", "nft", "-f", "/etc/nftables.conf")
    converged(*anew)  # what other tests did from there a moment ago isn't counted any more
    with ThreadPoolExecutor(1) as pool:
        attacking = pool.submit(converged, *burst, "10", text=BURST)
        config = str(converged.state / "ssh/config-fresh")
        operator = converged.attempt("run", "--", "ssh", "-F", config, "-o", "ConnectTimeout=60", "login1", "true")
        came, seconds = map(float, attacking.result().split())
    assert operator.returncode == 0, operator.stderr
    # 120 at once, then one a second, of those that TCP asks for again and again; each that may has seconds to get through.
    assert 110 <= came <= 120 + seconds + 2
    assert came < many - 10
    without = "grep -v 'update @came_' /etc/nftables.conf | nft -f -"
    converged("exec", "login1", "--", "sh", "-c", without)
    try:
        # Long enough for a SYN that a full backlog dropped to be sent again.
        assert int(converged(*burst, "60", text=BURST).split()[0]) == many
    finally:
        converged(*anew)
