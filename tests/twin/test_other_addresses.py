"""A host answers over each interface at that interface's addresses only, although Linux would at all of them."""

from __future__ import annotations

import pytest

from tests.twin.validated import Validated

pytestmark = pytest.mark.twin
# login1 as an institution's root may address it, over the institutions' segment: its operations, hpc and own addresses.
OTHERS = ("203.0.113.10", "192.0.2.70", "2001:db8:0:2100::10", "2001:db8:0:2102::10")
OWN = ("192.0.2.10", "2001:db8:0:2101::10")
KNOCK = """
for address in {places}; do
    seconds={short}; [[ " {surely} " == *" $address "* ]] && seconds={long}
    case $address in *:*) ip=(ip -6); via={six} ;; *) ip=(ip -4); via={four} ;; esac
    own=$([[ $address == {four} || $address == {six} ]] && echo yes)
    [[ $own ]] || "${{ip[@]}}" route replace "$address" via "$via"
    timeout $seconds bash -c "exec 3<>/dev/tcp/$address/22" 2>/dev/null && echo "$address"
    [[ $own ]] || "${{ip[@]}}" route delete "$address"
done
true
"""
FIND = "nft -a list chain inet kakehashi input | sed -n 's/.*fib daddr .* # handle //p'"


def answering(twin: Validated, *surely: str) -> set[str]:
    """Return the addresses of login1 that answer at sshd's port to a host of an institution, which has routes to them.

    Those that the test expects to answer (``surely``) are waited for patiently, others as long as is needed.
    """
    places, times = " ".join((*OTHERS, *OWN)), {"long": 60, "short": 4}
    script = KNOCK.format(places=places, four=OWN[0], six=OWN[1], surely=" ".join(surely), **times)
    return set(str(twin("exec", "inst-a1", "--", "bash", "-u", "-s", text=script)).split())


def test_an_institution_reaches_the_login_server_by_one_address_only(converged: Validated) -> None:
    assert answering(converged, *OWN) == set(OWN)


def test_without_the_rule_it_answers_at_all_of_them(converged: Validated) -> None:
    converged("exec", "login1", "--", "bash", "-ec", f"nft delete rule inet kakehashi input handle $({FIND})")
    try:
        assert answering(converged, *OTHERS, *OWN) == {*OTHERS, *OWN}
    finally:
        converged("exec", "login1", "--", "nft", "-f", "/etc/nftables.conf")
