from __future__ import annotations

import os
import shutil

import pytest

from module_utils.netfilter import kernel
from module_utils.netfilter.listing import Table, compare

RULESET = """table inet kakehashi
delete table inet kakehashi
table inet kakehashi {
    chain input {
        type filter hook input priority filter; policy drop;
        ip saddr { 192.0.2.2, 192.0.2.1 } tcp dport 22 accept
        ip saddr { 192.0.2.9 } tcp dport 22 accept
        counter drop
    }
}
"""
needs_nft = pytest.mark.skipif(os.geteuid() != 0 or shutil.which("nft") is None, reason="needs root and nft")


@needs_nft
def test_a_ruleset_is_listed_as_the_kernel_would_and_leaves_no_trace() -> None:
    before = kernel.running()
    listed = kernel.canonical(RULESET)
    assert "ip saddr { 192.0.2.1, 192.0.2.2 } tcp dport 22 accept" in listed
    assert "ip saddr 192.0.2.9 tcp dport 22 accept" in listed
    assert compare(listed, kernel.canonical(RULESET)).differing == ()
    assert compare(listed, kernel.canonical(RULESET.replace("drop;", "accept;"))).differing == (Table("inet", "kakehashi"),)
    assert kernel.running() == before


@needs_nft
def test_what_nft_refuses_is_told_in_its_own_words() -> None:
    with pytest.raises(kernel.NftError, match="syntax error"):
        kernel.canonical("table inet kakehashi { nonsense }")
    with pytest.raises(kernel.NftError, match="syntax error"):
        kernel.load("nonsense\n")


@pytest.mark.skipif(shutil.which("ip") is None, reason="needs iproute2")
def test_interfaces_are_known_by_their_addresses() -> None:
    assert "127.0.0.1" in kernel.interface_addresses()["lo"]


def test_tables_are_written_as_nft_does() -> None:
    assert kernel.names((Table("inet", "kakehashi"),)) == ["inet kakehashi"]
