"""A host that took its next key into use, and undoes that, is known by its old one again."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from module_utils.changes import arming
from module_utils.identity.host_pairs import HostPair, exchange, forget, make_next, observe

from .support import Bench, picture


@pytest.mark.parametrize("step", [exchange, forget])
def test_an_undone_change_brings_the_keys_back_as_they_were(tmp_path: Path, step: Callable[[HostPair], None]) -> None:
    bench = Bench.make(tmp_path)
    room = bench.root / "etc/ssh"
    pair = HostPair(room / "ssh_host_ed25519_key", room / "kakehashi-second-host-key")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(pair.current)], check=True)
    make_next(pair)
    if step is forget:
        exchange(pair)
    before, keys = picture(room), (observe(pair).current, observe(pair).beside, observe(pair).following)
    arming.arm(bench.site, bench.wanted())
    step(pair)
    assert picture(room) != before
    assert bench.program(["--why", "timer"]) == 0
    assert picture(room) == before
    assert (observe(pair).current, observe(pair).beside, observe(pair).following) == keys, "which is newer is known, too"
