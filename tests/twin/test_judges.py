"""ssh-audit on the real sshds of two hosts, and a cipher that was weakened by hand."""

from __future__ import annotations

import pytest

from tests.access.node import have_read
from tests.twin.validated import Validated

pytestmark = pytest.mark.twin
LIMIT = ("--limit", "mdx1,data1")
RELOAD = have_read("ssh", "/run/sshd.pid")
WEAKEN = f"cp -p /etc/ssh/sshd_config /root/kept && sed -i 's/^Ciphers .*/&,aes128-cbc/' /etc/ssh/sshd_config; {RELOAD}"
MEND = f"mv /root/kept /etc/ssh/sshd_config; {RELOAD}"


def test_judges_are_content(converged: Validated) -> None:
    found, printed = converged.evidence("judges", *LIMIT)
    assert found["holds"], printed
    assert found["sshds_judged"] == 3


def test_a_weakened_cipher_is_found_and_named(converged: Validated) -> None:
    converged("exec", "mdx1", "--", "sh", "-ec", WEAKEN)
    try:
        found, printed = converged.evidence("judges", *LIMIT)
    finally:
        converged("exec", "mdx1", "--", "sh", "-ec", MEND)
    assert not found["holds"]
    assert {(row["host"], row["what"]) for row in found["unexplained"]} == {("mdx1", "enc aes128-cbc")}
    assert "aes128-cbc" in printed
