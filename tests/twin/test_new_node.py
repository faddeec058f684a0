"""A node that joins a fabric in service: the login server doesn't know it yet, and who serves packages refuses it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.twin.validated import Validated

pytestmark = pytest.mark.twin
NEW = Path(__file__).parent / "new_node"
OTHERS = "login1,infra1"
HOSTS = f"{OTHERS},mdx9"


@pytest.fixture
def joined(converged: Validated) -> Iterator[Validated]:
    """The converged twin with one node more, which goes again afterwards, and what was declared for it."""
    converged("up", *(word for source in (*converged.inventories, NEW) for word in ("-i", str(source))))
    try:
        yield converged
    finally:
        converged.up()
        done = converged.playbook("site", "--limit", OTHERS)
        assert done.returncode == 0, done.stdout + done.stderr


def test_one_run_converges_a_new_node(joined: Validated) -> None:
    overlay = str(joined.state / "overlay")
    assert joined.attempt("exec", "mdx9", "--", "sh", "-c", "command -v nft").returncode != 0, "it needs a package"
    done = joined.playbook("site", "-i", str(NEW), "-i", overlay, "--limit", HOSTS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "chain input" in joined("exec", "mdx9", "--", "nft", "list", "table", "inet", "kakehashi")
    way = "runuser -u sato -- ssh -n -T -o BatchMode=yes mdx9 id -un"
    assert joined("exec", "login1", "--", "sh", "-c", way) == "sato\n"
    again = joined.playbook("site", "-i", str(NEW), "-i", overlay, "--limit", HOSTS)
    assert again.returncode == 0, again.stdout + again.stderr
    assert re.findall(r"^\S+ .*changed=[1-9].*", again.stdout, re.MULTILINE) == []
